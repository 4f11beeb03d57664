# The worker; the command line is in the same image:
#   docker compose -f docker-compose.temporal.yml run --rm worker offerflow list
FROM python:3.11-slim
WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY offers offers
COPY workflows workflows
COPY activities activities
COPY runtime runtime
COPY cli cli
COPY examples examples
COPY worker.py starter.py ./
RUN pip install --no-cache-dir --constraint constraints.txt --editable .
RUN useradd --system offerflow
USER offerflow
CMD ["python", "worker.py"]
