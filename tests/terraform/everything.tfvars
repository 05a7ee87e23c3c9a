# All that can be switched on, for checkov to look at.
archive                 = true
balancer                = { domains = ["hooks.example.com"] }
dead_letter_bucket_days = 365
project                 = "a-project"
region                  = "europe-west1"
