# FinTrack for production: DEBUG off, no root, static files inside, gunicorn on port 8000.
FROM python:3.13-slim

ENV PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /app
COPY requirements.txt .
RUN pip install --require-hashes --requirement requirements.txt

RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin fintrack \
    && install --directory --owner fintrack --group fintrack /data
COPY . .

# Collecting static files needs settings that start, not ones that are kept: these values stay in this one command.
RUN DEBUG=off ALLOWED_HOSTS=build.invalid \
    SECRET_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    JWT_SIGNING_KEY="$(python -c 'import secrets; print(secrets.token_urlsafe(48))')" \
    python manage.py collectstatic --no-input

# Without DATABASE_URL the books are one SQLite file in the volume /data.
ENV DEBUG=off \
    DATABASE_URL=sqlite:////data/db.sqlite3 \
    WEB_CONCURRENCY=2
VOLUME /data
USER fintrack
EXPOSE 8000

# Asks under a host that the program answers for, as ALLOWED_HOSTS says.
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["python", "-c", "\
import os, urllib.request as web; \
host = os.environ['ALLOWED_HOSTS'].split(',')[0].strip().lstrip('.'); \
web.urlopen(web.Request('http://127.0.0.1:8000/health', headers={'Host': host}), timeout=8)"]

CMD ["gunicorn", "fintrack.wsgi", "--bind=0.0.0.0:8000", "--worker-class=gthread", "--threads=4", \
     "--worker-tmp-dir=/dev/shm", "--access-logfile=-"]
