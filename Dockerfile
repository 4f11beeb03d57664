# The worker; the command line is in the same image:
#   docker compose -f docker-compose.temporal.yml run --rm worker offerflow list
FROM python:3.11-slim
WORKDIR /app
# What changes rarely first: an image of changed code installs nothing anew.
COPY pyproject.toml constraints.txt README.md ./
RUN python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" \
      > requirements.txt \
 && pip install --no-cache-dir --constraint constraints.txt --requirement requirements.txt
COPY offers offers
COPY workflows workflows
COPY activities activities
COPY runtime runtime
COPY cli cli
COPY examples examples
COPY worker.py starter.py ./
RUN pip install --no-cache-dir --no-deps --editable .
RUN useradd --system offerflow
USER offerflow
CMD ["python", "worker.py"]
