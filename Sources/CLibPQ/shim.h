#pragma once

#include <libpq-fe.h>

// Swift imports no character constants: the fields of an error (PQresultErrorField), under names of our own.
static const int octavo_field_severity = PG_DIAG_SEVERITY_NONLOCALIZED;
static const int octavo_field_sqlstate = PG_DIAG_SQLSTATE;
static const int octavo_field_message = PG_DIAG_MESSAGE_PRIMARY;
static const int octavo_field_detail = PG_DIAG_MESSAGE_DETAIL;
static const int octavo_field_hint = PG_DIAG_MESSAGE_HINT;
