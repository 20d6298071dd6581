# docker build -t foldwise .
# docker run --rm --gpus all -v "$PWD/runs:/workspace/runs" --user "$(id -u):$(id -g)" foldwise loss=focal amp=O1
#
# torch's wheels carry CUDA, so a plain Python image is enough. NVIDIA's PyTorch images keep their own torch and apex:
# docker build -t foldwise --build-arg BASE=(the image with tag 25.04-py3) --build-arg REQUIRE_APEX=1 .
# torch.compile needs a C compiler: --build-arg BASE=python:3.11.14-bookworm has one.
ARG BASE=python:3.11.14-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS packages
WORKDIR /build
COPY pyproject.toml requirements.lock docker/requirements_for_base.py ./
# The environment sees the image's packages; pip (the image's own) adds the rest. NVIDIA's images set PIP_CONSTRAINT.
RUN python3 -m venv --system-site-packages --without-pip /opt/venv \
    && /opt/venv/bin/python requirements_for_base.py . \
    && PIP_CONSTRAINT="" python3 -m pip --python /opt/venv/bin/python install --no-cache-dir \
        --disable-pip-version-check --requirement requirements.txt --constraint constraints.txt

# hadolint ignore=DL3006
FROM ${BASE}
ARG REQUIRE_APEX=0
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    HF_HOME=/workspace/runs/.cache/huggingface \
    USER=foldwise
COPY --from=packages /opt/venv /opt/venv
RUN if [ "$REQUIRE_APEX" = 1 ]; then python -c "from apex.amp import initialize"; fi \
    && useradd --create-home --uid 10001 foldwise \
    && mkdir -p /workspace/runs \
    && chown foldwise:foldwise /workspace /workspace/runs
WORKDIR /workspace
COPY train.py pyproject.toml LICENSE ./
COPY conf conf
COPY trainer trainer
USER 10001
VOLUME /workspace/runs
ENTRYPOINT ["python", "train.py"]
