# Two images of one recipe, with the versions in constraints.txt:
#   docker build --target cpu  --tag teachgym .
#   docker build --target cuda --tag teachgym:cuda .       run it with --gpus all
# Further extras of setup.cfg: --build-arg EXTRAS=llm,rl
# Runs go to /work: docker run --rm -v "$PWD:/work" teachgym run --student simulated

FROM python:3.11-slim AS wheel
WORKDIR /source
COPY setup.cfg pyproject.toml README.md LICENSE teachgym_verifiers.py ./
COPY teachgym teachgym
COPY envs envs
COPY agents agents
COPY benchmarks benchmarks
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim AS base
ARG EXTRAS=llm
ENV OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE PYTHONUNBUFFERED=1 TEACHGYM_CACHE=/work/.cache/teachgym
COPY constraints.txt /tmp/
COPY --from=wheel /wheels /wheels
RUN useradd --create-home teacher && mkdir /work && chown teacher /work
WORKDIR /work
ENTRYPOINT ["teachgym"]
CMD ["--help"]

FROM base AS cpu
# torch without CUDA, which is a tenth of the size
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt \
    --extra-index-url https://download.pytorch.org/whl/cpu "$(ls /wheels/*.whl)[$EXTRAS]"
USER teacher

FROM base AS cuda
# torch as PyPI has it brings CUDA along; the host needs its driver and the NVIDIA container toolkit.
# Kernels that torch compiles need a C compiler.
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
RUN pip install --no-cache-dir --constraint /tmp/constraints.txt "$(ls /wheels/*.whl)[$EXTRAS]"
USER teacher
