"""PostgreSQL: the embedded one and any other, roles, migrations, tenant transactions."""
