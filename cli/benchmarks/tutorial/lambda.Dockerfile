FROM public.ecr.aws/lambda/python:3.13
COPY requirements-lambda.txt ${LAMBDA_TASK_ROOT}/requirements.txt
RUN pip install --requirement requirements.txt --target ${LAMBDA_TASK_ROOT}
COPY main.py ${LAMBDA_TASK_ROOT}
CMD ["main.handler"]
