# What the tests say of every variable: what your own terraform.tfvars says is not their business.
alerts                  = {}
archive                 = false
archive_days            = 90
balancer                = null
database                = "webhooks"
dead_letter_bucket_days = null
delivery                = "push"
firestore               = "create"
labels                  = {}
processor               = {}
project                 = "a-project"
receiver                = {}
region                  = "europe-west1"
secret_versions         = {}
secrets                 = {}
