"""What lets the app run on AWS Lambda and on ECS Fargate: in the image, and not the app's."""
