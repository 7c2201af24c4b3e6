"""The options of the command line, each with its line of help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from teachgym.cli import completing


def _option(meaning: str, default: str, **settings: Any) -> Any:
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
        help="Folder of a run or of a bench; several benches, or their results.jsonl.",
    ),
]
Compared = Annotated[
    list[Path], typer.Argument(metavar="RUN RUN...", help="Folders of finished runs.")
]
Cleaned = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[FOLDER]...", help="Where to look; runs, bench and tune if left out."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Remove it; otherwise it is only listed.")]
Board = Annotated[Path, typer.Argument(metavar="BOARD", help="Folder of recorded benches.")]
Added = Annotated[
    Path | None,
    typer.Option("--add", metavar="BENCH", help="Check this bench and add it first."),
]
AddedName = Annotated[str, _option("Of the bench that is added.", "its folder's")]
What = Annotated[
    str | None,
    typer.Argument(
        help="envs, teachers, students, tasks, engines, proposers, rewards, chat, trackers or "
        "suites; all if left out.",
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
    str, typer.Argument(metavar="NAME", help="Of the part and its file, such as halfway.")
]
Env = Annotated[str | None, _option("SkillList, SkillTree, OpenEnded, or an id.", "SkillList")]
SchemaEnv = Annotated[str, typer.Option("--env", help="SkillList, SkillTree or OpenEnded.")]
AsToml = Annotated[bool, typer.Option("--toml", help="A complete run.toml, with comments.")]
Student = Annotated[
    str | None,
    _option(
        "simulated, tiny, small, smollm2, or a Hugging Face model: path or hub id.",
        "tiny",
        autocompletion=completing.STUDENTS,
    ),
]
Task = Annotated[
    str | None,
    _option(
        "See: teachgym list tasks, or name your own: file.py:attribute.",
        "arithmetic-and-strings",
        autocompletion=completing.TASKS,
    ),
]
BenchStudent = Annotated[
    str | None,
    _option(
        "Another student for every arm; as for teachgym run.",
        "the suite's",
        autocompletion=completing.STUDENTS,
    ),
]
BenchTask = Annotated[
    str | None,
    _option(
        "Another task for every arm; see: teachgym list tasks.",
        "the suite's",
        autocompletion=completing.TASKS,
    ),
]
Limit = Annotated[
    int | None,
    _option("The most items of each split of the task, for quick looks.", "all", min=1),
]
Teacher = Annotated[
    str | None,
    _option(
        "See: teachgym list teachers, or name your own: file.py:attribute.",
        "weakest, in SkillList",
        autocompletion=completing.TEACHERS,
    ),
]
Steps = Annotated[int | None, _option("Limit of environment steps.", "10", min=1)]
ExamplesPerStep = Annotated[
    int | None, _option("The most examples to train on in a step.", "250", min=1)
]
Budget = Annotated[
    list[str] | None,
    _option(
        "Another limit of the episode; may be repeated.",
        "examples = steps x examples per step",
        metavar="CURRENCY=LIMIT",
    ),
]
Seed = Annotated[int | None, _option("Of the environment and the teacher.", "0", min=0)]
Config = Annotated[
    Path | None, typer.Option(help="A .toml or .json file; the other options override it.")
]
Out = Annotated[Path | None, _option("A new folder for the run.", "runs/ENV-STUDENT-TEACHER-SEED")]
Wandb = Annotated[
    str | None,
    _option("Log to Weights & Biases too: online, offline or disabled.", "no", metavar="MODE"),
]
Tensorboard = Annotated[
    bool, typer.Option("--tensorboard", help="Log for TensorBoard too, to RUN/tensorboard.")
]
Chat = Annotated[
    str | None,
    _option(
        "Who answers for teachers and engines that ask a chat model: openai (any server of that "
        "kind; the key is read from OPENAI_API_KEY), local (a model in this process) or python (a "
        "function).",
        "none",
        metavar="PROVIDER",
        autocompletion=completing.CHATS,
    ),
]
BenchChat = Annotated[
    str | None,
    _option(
        "Who answers for teachers and engines that ask a chat model: openai, local or python; as "
        "for teachgym run.",
        "the suite's",
        metavar="PROVIDER",
        autocompletion=completing.CHATS,
    ),
]
ChatModel = Annotated[
    str | None, typer.Option(help="Name or path of the chat model, or module:function.")
]
ChatBaseUrl = Annotated[
    str | None, _option("Address of the server, e.g. http://localhost:8000/v1.", "OpenAI's")
]
ChatCache = Annotated[
    str | None,
    _option(
        "record: write down every answer, and read those that are there; replay: read only; off.",
        "record",
        metavar="MODE",
    ),
]
ChatStore = Annotated[
    Path | None, _option("The file of recorded answers.", "chat.sqlite in the run's folder")
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting, as JSON or text; may be repeated. Of the environment: "
        "training=scratch, trainer_settings.learning_rate=0.001. Of the teacher: teacher.power=2. "
        "Of the chat model: chat.temperature=0.7. Of Weights & Biases: wandb.rows=100. Of what "
        "stays of the steps: keep.predictions=10, keep.students=all.",
    ),
]
BenchSettings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Any other setting of every arm, as JSON or text; may be repeated. Of the "
        "environment: stress.wrong_labels=0.3, task_settings.val_per_cell=5. Of the chat model: "
        "chat.temperature=0.7. Of Weights & Biases: wandb.rows=100. Teachers have those of their "
        "arms.",
    ),
]
Accept = Annotated[
    list[str] | None,
    _option(
        "Go on although this differs from what the run was begun with: config, versions, commit, "
        "code or data; may be repeated.",
        "nothing differs",
        metavar="KIND",
    ),
]
Threads = Annotated[
    int | None, _option("CPU threads; 1 is fastest for small students.", "1", min=1)
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the run's folder only.")]
Pager = Annotated[
    bool,
    typer.Option(
        "--pager/--no-pager",
        help="Show long output in the pager of PAGER, on a terminal.",
    ),
]
Sample = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME]",
        help="Of the file to print; the list of them if left out.",
        autocompletion=completing.SAMPLES,
    ),
]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the tables as Markdown.")]
Port = Annotated[int, _option("Of the server.", "any that is free", min=0, max=65535)]
Page = Annotated[Path | None, _option("Also write a page, to this file.", "no page")]
Teaching = Annotated[
    bool,
    typer.Option("--teaching", help="Also what was taught, what each skill gained, the forest."),
]
Suite = Annotated[
    str,
    typer.Argument(
        metavar="SUITE",
        help="See: teachgym list suites, or file.py:attribute.",
        autocompletion=completing.SUITES,
    ),
]
BenchOut = Annotated[Path | None, _option("Folder of the suite's runs.", "bench/SUITE")]
Seeds = Annotated[int | None, _option("Seeds of each arm.", "what the suite says", min=1)]
FirstSeed = Annotated[
    int | None,
    _option("The lowest of them: others than the suite's are a replication.", "0", min=0),
]
Arms = Annotated[
    list[str] | None,
    _option("Only this arm, and the reference; may be repeated.", "all", metavar="ARM"),
]
Workers = Annotated[
    int, typer.Option(min=1, help="Processes; each does one run at a time, or --together.")
]
Together = Annotated[
    int,
    typer.Option(
        metavar="K",
        min=1,
        help="Runs at a time in each process, around one resident model: runs of one environment "
        "with the same settings, whatever their teachers and seeds. Made for GPUs (not measured "
        "yet); for tiny on a CPU it is about even. Results are those of --together 1: to the "
        "bit on a CPU, up to rounding on a GPU.",
    ),
]
Gpus = Annotated[
    list[str] | None,
    typer.Option(
        "--gpu", metavar="N", help="One process on this GPU, instead of --workers; repeat it."
    ),
]
Ray = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="Run on a Ray cluster, instead of --workers: its address, or local for a new one "
        "here. A task is one run, or --together.",
    ),
]
RayGpus = Annotated[
    float | None,
    _option("GPUs that each task on the cluster reserves; 0.5: two tasks share one.", "0", min=0),
]
Tuned = Annotated[
    list[str],
    typer.Argument(
        metavar="TEACHER...",
        help="See: teachgym list teachers.",
        autocompletion=completing.TEACHERS,
    ),
]
Trials = Annotated[
    int, typer.Option(min=1, max=1000, help="Of each teacher; the first has the defaults.")
]
TrialSeeds = Annotated[int, typer.Option("--seeds", min=1, help="Runs of each trial.")]
TrialStudent = Annotated[str, typer.Option("--student", help="simulated or tiny.")]
TuneOut = Annotated[Path, typer.Option("--out", help="Folder with a folder for each teacher.")]
Save = Annotated[
    Path | None,
    typer.Option(
        help="File that gets the settings of the best trial; all teachers in it must have been "
        "tuned alike."
    ),
]
ShortForm = Annotated[
    bool,
    typer.Option(
        "--short",
        help="The suite's short form: fewer arms and seeds, a first look. With --arm, fewer seeds.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the plan, and what the rest of it may cost.")
]
OtherBench = Annotated[
    Path | None,
    typer.Option(
        metavar="BENCH",
        help="Another bench: how alike the two rank the arms that both have (Spearman's rho).",
    ),
]
Dataset = Annotated[
    Path | None, typer.Option(help="A new folder for the training data, which datasets opens.")
]
StudentOut = Annotated[
    Path | None, typer.Option(help="A new folder for the student that was best on val.")
]
Minari = Annotated[
    Path | None,
    typer.Option(help="A new folder for the episodes of a bench, as Minari data sets."),
]
Trajectories = Annotated[
    Path | None,
    typer.Option(help="A new folder for what the run's chat model was asked, said and earned."),
]
DataFormat = Annotated[Any, typer.Option(metavar="FORMAT", help="Of the data: jsonl or parquet.")]
License = Annotated[str, typer.Option(help="For the data card.")]
Version = Annotated[
    bool, typer.Option("--version", help="Show the version and exit.", is_eager=True)
]
