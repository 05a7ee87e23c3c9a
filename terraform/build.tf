# What becomes of the two folders: zips, in a bucket, built into images, in a repository.

locals {
  # What belongs to who works on a function, not to the function: each by its name, since a pattern may leave out more.
  ours = {
    for function in ["receiver", "processor"] : function => [
      for file in fileset("${path.module}/../functions/${function}", "**") : file
      if can(regex("(^|/)(\\.|__pycache__/|requirements\\.in$)", file))
    ]
  }
}

data "archive_file" "function" {
  for_each = local.ours

  type             = "zip"
  source_dir       = "${path.module}/../functions/${each.key}"
  excludes         = local.ours[each.key]
  output_path      = "${path.module}/.build/${each.key}.zip"
  output_file_mode = "0644" # the same zip on every machine
}

resource "google_storage_bucket" "source" {
  # checkov:skip=CKV_GCP_62: access to source zips is in the audit log; a log bucket would hold nothing more
  # checkov:skip=CKV_GCP_78: a zip is named by its content, so that none is ever overwritten
  name                        = "${var.project}-webhooks-source"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true # all of it can be made again

  depends_on = [google_project_service.this]
}

resource "google_storage_bucket_object" "source" {
  for_each = data.archive_file.function

  bucket = google_storage_bucket.source.name
  name   = "${each.key}-${substr(each.value.output_sha256, 0, 16)}.zip" # another content is another function
  source = each.value.output_path

  lifecycle {
    create_before_destroy = true # the function that runs keeps its source until the new one is built
  }
}

resource "google_artifact_registry_repository" "images" {
  # checkov:skip=CKV_GCP_84: Google's own keys; the images hold no secret
  repository_id = "webhooks"
  location      = var.region
  format        = "DOCKER"

  depends_on = [google_project_service.this]
}

resource "google_service_account" "build" {
  account_id   = "webhooks-build"
  display_name = "Builds the webhook functions"

  depends_on = [google_project_service.this]
}

# A build writes its log; the role can only be had on the project.
resource "google_project_iam_member" "build_logs" {
  project = var.project
  role    = "roles/logging.logWriter"
  member  = google_service_account.build.member
}

# A build stores its image in this one repository.
resource "google_artifact_registry_repository_iam_member" "build_images" {
  repository = google_artifact_registry_repository.images.name
  location   = google_artifact_registry_repository.images.location
  role       = "roles/artifactregistry.writer"
  member     = google_service_account.build.member
}

# Cloud Functions copies the zip into a bucket of its own, made with the first function, and the build reads it there:
# https://github.com/hashicorp/terraform-provider-google/issues/20571
resource "google_project_iam_member" "build_staged" {
  project = var.project
  role    = "roles/storage.objectViewer"
  member  = google_service_account.build.member

  condition {
    title      = "webhooks-build"
    expression = "resource.name.startsWith(\"projects/_/buckets/gcf-v2-sources-${data.google_project.this.number}-${var.region}\")"
  }
}

# A build reads its zip from this one bucket.
resource "google_storage_bucket_iam_member" "build_source" {
  bucket = google_storage_bucket.source.name
  role   = "roles/storage.objectViewer"
  member = google_service_account.build.member
}
