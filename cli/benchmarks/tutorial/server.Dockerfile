FROM python:3.13-slim
RUN pip install uv
WORKDIR /app
RUN uv init --bare && uv add "fastapi[standard]" mangum uvicorn
ENV PATH="/app/.venv/bin:$PATH"
COPY main.py .
CMD ["fastapi", "run", "main.py", "--host", "0.0.0.0", "--port", "80"]
