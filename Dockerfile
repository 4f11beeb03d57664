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
COPY client client
COPY cli cli
COPY web web
COPY examples examples
COPY worker.py starter.py ./
RUN pip install --no-cache-dir --no-deps --editable .
RUN useradd --system offerflow
USER offerflow
ENV OFFERS_HEALTH_ADDRESS=127.0.0.1:8081
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import os; from urllib.request import ProxyHandler, build_opener; build_opener(ProxyHandler({})).open(f'http://{os.environ[\"OFFERS_HEALTH_ADDRESS\"]}/readyz', timeout=4)"]
CMD ["python", "worker.py"]
