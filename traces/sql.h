/* The SQL of this folder, embedded at build time (embed/embed.c). */
#ifndef TRACES_SQL_H
#define TRACES_SQL_H

extern const char trace_schema_sql[];  /* tables */
extern const char trace_views_sql[];
extern const char trace_indexes_sql[]; /* built when the run ends */

#define TRACE_APPLICATION_ID 0x706c6162 /* "plab" */
#define TRACE_SCHEMA_VERSION 1

#endif
