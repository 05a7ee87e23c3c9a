# Write-only attributes need Terraform 1.11; before 1.11.4 a sensitive ephemeral value could not be given to one.
terraform {
  required_version = ">= 1.11.4"

  required_providers {
    archive = {
      source  = "hashicorp/archive"
      version = ">= 2.7, < 3"
    }
    google = {
      source  = "hashicorp/google"
      version = ">= 7.45, < 9"
    }
  }
}

provider "google" {
  project        = var.project
  region         = var.region
  default_labels = var.labels
}
