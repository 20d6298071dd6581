# docker build -t foldwise .
# docker run --rm --gpus all -v "$PWD/runs:/workspace/runs" --user "$(id -u):$(id -g)" foldwise loss=focal amp=O1
# docker build -t foldwise:cpu --target cpu .      # without CUDA
#
# torch's wheels carry CUDA, so a plain Python image is enough. NVIDIA's PyTorch images keep their own torch and apex:
# docker build -t foldwise --build-arg BASE=(the image with tag 25.04-py3) --build-arg REQUIRE_APEX=1 .
# torch.compile needs a C compiler: --build-arg BASE=python:3.11.14-bookworm has one.
ARG BASE=python:3.11.14-slim-bookworm

# hadolint ignore=DL3006
FROM ${BASE} AS environment
WORKDIR /build
COPY pyproject.toml requirements.lock docker/requirements_for_base.py ./
# The environment sees the image's packages; pip (the image's own) adds the rest. NVIDIA's images set PIP_CONSTRAINT.
RUN python3 -m venv --system-site-packages --without-pip /opt/venv \
    && /opt/venv/bin/python requirements_for_base.py .
ENV PIP_CONSTRAINT=/build/constraints.txt \
    PIP_DISABLE_PIP_VERSION_CHECK=1

FROM environment AS packages
RUN python3 -m pip --python /opt/venv/bin/python install --no-cache-dir --requirement requirements.txt

FROM environment AS packages-cpu
ARG CPU_WHEELS=https://download.pytorch.org/whl/cpu
# 2.14.1+cpu is what pip takes for torch==2.14.1 where it finds both; it asks for no CUDA library.
RUN PIP_EXTRA_INDEX_URL="${CPU_WHEELS}" python3 -m pip --python /opt/venv/bin/python install --no-cache-dir \
        --requirement requirements.txt \
    && /opt/venv/bin/python -c "import torch; assert torch.version.cuda is None, torch.__version__"

FROM scratch AS code
WORKDIR /workspace
COPY train.py pyproject.toml LICENSE ./
COPY conf conf
COPY trainer trainer

# hadolint ignore=DL3006
FROM ${BASE} AS image
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    HF_HOME=/workspace/runs/.cache/huggingface \
    USER=foldwise
RUN useradd --create-home --uid 10001 foldwise \
    && mkdir -p /workspace/runs \
    && chown foldwise:foldwise /workspace /workspace/runs
WORKDIR /workspace
USER 10001
VOLUME /workspace/runs
ENTRYPOINT ["python", "train.py"]

FROM image AS cpu
COPY --from=packages-cpu /opt/venv /opt/venv
COPY --from=code /workspace ./

# hadolint ignore=DL3006
FROM image
ARG REQUIRE_APEX=0
COPY --from=packages /opt/venv /opt/venv
RUN if [ "$REQUIRE_APEX" = 1 ]; then python -c "from apex.amp import initialize"; fi
COPY --from=code /workspace ./
