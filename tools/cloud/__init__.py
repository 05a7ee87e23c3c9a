"""What the make verbs run that work in Google Cloud, each through the gcloud command and nothing else."""
