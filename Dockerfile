# syntax=docker/dockerfile:1
# Two stages, so that compilers and caches stay behind; the worker runs as a user of its own.
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md ./
COPY stream_seg ./stream_seg
RUN python -m venv /opt/stream_seg \
 && /opt/stream_seg/bin/pip install --no-cache-dir --constraint constraints.txt .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/stream_seg stream_seg
COPY --from=build /opt/stream_seg /opt/stream_seg
ENV PATH=/opt/stream_seg/bin:$PATH PYTHONUNBUFFERED=1 STREAM_SEG_DATA_DIR=/var/lib/stream_seg
USER stream_seg
WORKDIR /var/lib/stream_seg
ENTRYPOINT ["stream-seg"]
CMD ["worker"]
