"""The options of the command line with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from teachgym.cli import completing
from teachgym.cli.catalogue import LISTINGS


def option(meaning: str, default: str, **settings: Any) -> Any:
    """An option that may be left out; ``default`` says in words what happens then."""
    return typer.Option(help=meaning, show_default=default, **settings)


Run = Annotated[Path, typer.Argument(metavar="RUN", help="Folder of the run.")]
RunOrBench = Annotated[
    Path, typer.Argument(metavar="RUN|BENCH", help="Folder of a run, or of a bench.")
]
Reported = Annotated[
    list[Path],
    typer.Argument(
        metavar="RUN|BENCH...",
        help="A folder of a run or of a bench; or several benches, as folders or results.jsonl.",
    ),
]
Compared = Annotated[
    list[Path], typer.Argument(metavar="RUN RUN...", help="Folders of finished runs.")
]
Cleaned = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FOLDER]...", help="Where to look. Without it: runs, bench and tune."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Remove what is listed.")]
Board = Annotated[Path, typer.Argument(metavar="BOARD", help="Folder of recorded benches.")]
Added = Annotated[
    Path | None, typer.Option("--add", metavar="BENCH", help="A bench to check and add first.")
]
AddedName = Annotated[str, option("Name of the added bench.", "its folder's")]
What = Annotated[
    str | None,
    typer.Argument(
        help=f"One of {', '.join(LISTINGS)}. Without it: all of them.",
        autocompletion=completing.KINDS,
    ),
]
NewKind = Annotated[
    str,
    typer.Argument(
        metavar="KIND", help="teacher, task or suite.", autocompletion=completing.STARTS
    ),
]
NewName = Annotated[
    str, typer.Argument(metavar="NAME", help="Name of the part and its file, such as halfway.")
]
Env = Annotated[
    str | None, option("Environment: SkillList, SkillTree, OpenEnded, or an id.", "SkillList")
]
SchemaEnv = Annotated[
    str, typer.Option("--env", help="Environment: SkillList, SkillTree or OpenEnded.")
]
AsToml = Annotated[bool, typer.Option("--toml", help="Print a complete run.toml with comments.")]
_A_STUDENT = "A name from teachgym list students, or the path or hub id of a Hugging Face model."
_A_TASK = "A name from teachgym list tasks, or your own as file.py:attribute."
_A_TEACHER = "A name from teachgym list teachers, or your own as file.py:attribute."
_EVERY_ARM = "The same for every arm: {}"
_SUITE = "the suite's"
_STUDENTS: Any = {"autocompletion": completing.STUDENTS}
_TASKS: Any = {"autocompletion": completing.TASKS}
_TEACHERS: Any = {"autocompletion": completing.TEACHERS}
Student = Annotated[str | None, option(_A_STUDENT, "tiny", **_STUDENTS)]
Task = Annotated[str | None, option(_A_TASK, "arithmetic-and-strings", **_TASKS)]
BenchStudent = Annotated[str | None, option(_EVERY_ARM.format(_A_STUDENT), _SUITE, **_STUDENTS)]
BenchTask = Annotated[str | None, option(_EVERY_ARM.format(_A_TASK), _SUITE, **_TASKS)]
Limit = Annotated[int | None, option("Most items per split, for a quick look.", "all", min=1)]
Teacher = Annotated[str | None, option(_A_TEACHER, "weakest, in SkillList", **_TEACHERS)]
Steps = Annotated[int | None, option("Most steps of the episode.", "10", min=1)]
ExamplesPerStep = Annotated[int | None, option("Most training examples of a step.", "250", min=1)]
Budget = Annotated[
    list[str] | None,
    option(
        "A further limit of the episode. Repeatable.",
        "examples = steps x examples per step",
        metavar="CURRENCY=LIMIT",
    ),
]
Seed = Annotated[int | None, option("Seed of the environment and the teacher.", "0", min=0)]
Config = Annotated[
    Path | None,
    typer.Option(help="A .toml or .json file with settings; other options override it."),
]
Out = Annotated[Path | None, option("A new folder for the run.", "runs/ENV-STUDENT-TEACHER-SEED")]
Wandb = Annotated[
    str | None,
    option("Also log to Weights & Biases: online, offline or disabled.", "no", metavar="MODE"),
]
Tensorboard = Annotated[
    bool, typer.Option("--tensorboard", help="Also log for TensorBoard, to RUN/tensorboard.")
]
_A_CHAT = (
    "Provider of the chat model for teachers and engines that ask one: openai (any server with "
    "this protocol; the key is read from OPENAI_API_KEY), local (a model in this process) or "
    "python (a function)."
)
_CHATS: Any = {"metavar": "PROVIDER", "autocompletion": completing.CHATS}
Chat = Annotated[str | None, option(_A_CHAT, "none", **_CHATS)]
BenchChat = Annotated[str | None, option(_A_CHAT, _SUITE, **_CHATS)]
ChatModel = Annotated[
    str | None, typer.Option(help="Name or path of the chat model, or module:function for python.")
]
ChatBaseUrl = Annotated[
    str | None, option("Address of the server, such as http://localhost:8000/v1.", "OpenAI's")
]
ChatCache = Annotated[
    str | None,
    option(
        "record: reuse recorded answers and record new ones; replay: only reuse; off: neither.",
        "record",
        metavar="MODE",
    ),
]
ChatStore = Annotated[
    Path | None, option("File of recorded answers.", "chat.sqlite in the run's folder")
]
_SETTINGS = (
    "Any other setting, as JSON or text. Repeatable. Environment: training=scratch, "
    "trainer_settings.learning_rate=0.001, stress.wrong_labels=0.3. Chat model: "
    "chat.temperature=0.7. Weights & Biases: wandb.rows=100. "
)
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help=f"{_SETTINGS}Teacher: teacher.power=2. What is kept of the steps: "
        "keep.predictions=10, keep.students=all.",
    ),
]
BenchSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help=f"{_SETTINGS}Settings of teachers come from the arms."
    ),
]
Accept = Annotated[
    list[str] | None,
    option(
        "Continue although this has changed since the run began: config, versions, commit, code or "
        "data. Repeatable.",
        "nothing differs",
        metavar="KIND",
    ),
]
Threads = Annotated[
    int | None, option("Number of CPU threads; 1 is fastest for small students.", "1", min=1)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print only the run's folder.")]
Pager = Annotated[
    bool,
    typer.Option(
        "--pager/--no-pager", help="On a terminal, show long output in the pager that PAGER names."
    ),
]
Sample = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Name of the sample to print. Without it: a list of the samples.",
        autocompletion=completing.SAMPLES,
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]
Port = Annotated[int, option("Port of the server.", "any free one", min=0, max=65535)]
Page = Annotated[Path | None, option("Also write a page to this file.", "no page")]
Teaching = Annotated[
    bool,
    typer.Option(
        "--teaching", help="Also show what was taught, the gain of each skill, and the skill tree."
    ),
]
Suite = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="A name from teachgym list suites, or your own as file.py:attribute.",
        autocompletion=completing.SUITES,
    ),
]
BenchOut = Annotated[Path | None, option("Folder of the suite's runs.", "bench/SUITE")]
Seeds = Annotated[int | None, option("Number of seeds of each arm.", "the suite's number", min=1)]
FirstSeed = Annotated[
    int | None, option("The lowest of them: others than the suite's are a replication.", "0", min=0)
]
Arms = Annotated[
    list[str] | None,
    option("Run only this arm and its reference. Repeatable.", "all", metavar="ARM"),
]
Workers = Annotated[
    int,
    typer.Option(min=1, help="Number of processes; each does one run at a time, or --together."),
]
Together = Annotated[
    int,
    typer.Option(
        metavar="K",
        min=1,
        help="Number of runs at a time in each process, around one resident model. They share "
        "student, trainer and their settings, and the task unless a language model learns from "
        "examples alone. Meant for GPUs (not measured yet); for tiny on a CPU it gains nothing. "
        "Results equal those of --together 1: to the bit on a CPU, up to rounding on a GPU.",
    ),
]
Gpus = Annotated[
    list[str] | None,
    typer.Option(
        "--gpu",
        metavar="N",
        help="Run one process on this GPU, instead of --workers. Repeatable, also with one GPU.",
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on the Ray cluster at this address, instead of --workers; local starts a new one "
        "here. A task is one run, or --together runs.",
    ),
]
RayGpus = Annotated[
    float | None,
    option("GPUs that each task on the cluster reserves; with 0.5, two share one.", "0", min=0),
]
Tuned = Annotated[
    list[str],
    typer.Argument(metavar="TEACHER...", help="Names from teachgym list teachers.", **_TEACHERS),
]
Trials = Annotated[
    int, typer.Option(min=1, max=1000, help="Trials of each teacher; the first has the defaults.")
]
TrialSeeds = Annotated[int, typer.Option("--seeds", min=1, help="Number of runs of each trial.")]
TrialStudent = Annotated[str, typer.Option("--student", help="simulated or tiny.")]
TuneOut = Annotated[
    Path, typer.Option("--out", help="Folder for the trials; each teacher gets a folder in it.")
]
Save = Annotated[
    Path | None,
    typer.Option(
        help="File that the settings of the best trial are added to. All teachers in it must have "
        "been tuned with the same trials, seeds and student."
    ),
]
ShortForm = Annotated[
    bool,
    typer.Option(
        "--short",
        help="Run the suite's short form for a first look: fewer arms and seeds. With --arm: fewer "
        "seeds.",
    ),
]
DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Show the plan and what the rest of it may cost, and run nothing."
    ),
]
OtherBench = Annotated[
    Path | None,
    typer.Option(
        metavar="BENCH",
        help="Another bench. Shows the rank correlation (Spearman's rho) over the arms of both.",
    ),
]
Dataset = Annotated[
    Path | None,
    typer.Option(
        help="A new folder for the training data, in a form that the library datasets opens."
    ),
]
StudentOut = Annotated[
    Path | None, typer.Option(help="A new folder for the student that was best on val.")
]
Minari = Annotated[
    Path | None, typer.Option(help="A new folder for the episodes of a bench, as Minari data sets.")
]
Trajectories = Annotated[
    Path | None,
    typer.Option(
        help="A new folder for the calls of the run's chat model, with replies and rewards."
    ),
]
DataFormat = Annotated[
    Any, typer.Option(metavar="FORMAT", help="Format of the data: jsonl or parquet.")
]
License = Annotated[str, typer.Option(help="License in the data card.")]
Version = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
]
