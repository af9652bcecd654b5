-- What Orleans' relational clustering provider needs: a table of named queries that it reads at its start, and whatever
-- those queries work on. Names of queries, parameters and result columns are the provider's; the tables are ours.
-- All runs share them: every row carries the identity of its cluster (the provider's DeploymentId).
DO $create$
BEGIN
    -- One process at a time; the lock ends with the transaction.
    PERFORM pg_advisory_xact_lock(hashtext('cliptrain.membership'));
    -- A user who may not create schemas can use one that an administrator has made.
    IF to_regnamespace('cliptrain') IS NULL THEN
        CREATE SCHEMA cliptrain;
    END IF;
    IF to_regclass('cliptrain.OrleansQuery') IS NOT NULL THEN
        RETURN;
    END IF;

    -- The version of each cluster's table of members. Every change of a member raises it by one, and fails if another came first.
    CREATE TABLE cliptrain.membership_version
    (
        deployment_id text PRIMARY KEY,
        version integer NOT NULL DEFAULT 0
    );

    CREATE TABLE cliptrain.member
    (
        deployment_id text NOT NULL REFERENCES cliptrain.membership_version ON DELETE CASCADE,
        address text NOT NULL,
        port integer NOT NULL,
        generation integer NOT NULL,
        silo_name text NOT NULL,
        host_name text NOT NULL,
        status integer NOT NULL,
        proxy_port integer,
        suspect_times text,
        start_time timestamptz NOT NULL,
        alive_time timestamptz NOT NULL,
        PRIMARY KEY (deployment_id, address, port, generation)
    );

    CREATE TABLE cliptrain.OrleansQuery
    (
        QueryKey text PRIMARY KEY,
        QueryText text NOT NULL
    );

    INSERT INTO cliptrain.OrleansQuery (QueryKey, QueryText) VALUES
    ('InsertMembershipVersionKey', $sql$
        WITH inserted AS (INSERT INTO cliptrain.membership_version (deployment_id) VALUES (@DeploymentId) ON CONFLICT DO NOTHING RETURNING 1)
        SELECT count(*)::integer FROM inserted
    $sql$),
    ('InsertMembershipKey', $sql$
        WITH raised AS (
            UPDATE cliptrain.membership_version SET version = version + 1
            WHERE deployment_id = @DeploymentId AND version = @Version
                AND NOT EXISTS (
                    SELECT 1 FROM cliptrain.member
                    WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
            RETURNING 1),
        inserted AS (
            INSERT INTO cliptrain.member (deployment_id, address, port, generation, silo_name, host_name, status, proxy_port, start_time, alive_time)
            SELECT @DeploymentId, @Address, @Port, @Generation, @SiloName, @HostName, @Status, @ProxyPort, @StartTime, @IAmAliveTime FROM raised
            RETURNING 1)
        SELECT count(*)::integer FROM inserted
    $sql$),
    ('UpdateMembershipKey', $sql$
        WITH raised AS (
            UPDATE cliptrain.membership_version SET version = version + 1
            WHERE deployment_id = @DeploymentId AND version = @Version
                AND EXISTS (
                    SELECT 1 FROM cliptrain.member
                    WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation)
            RETURNING 1),
        updated AS (
            UPDATE cliptrain.member SET status = @Status, suspect_times = @SuspectTimes, alive_time = @IAmAliveTime
            FROM raised
            WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
            RETURNING 1)
        SELECT count(*)::integer FROM updated
    $sql$),
    ('UpdateIAmAlivetimeKey', $sql$
        UPDATE cliptrain.member SET alive_time = @IAmAliveTime
        WHERE deployment_id = @DeploymentId AND address = @Address AND port = @Port AND generation = @Generation
    $sql$),
    -- The version comes back even where no member does.
    ('MembershipReadAllKey', $sql$
        SELECT v.deployment_id AS DeploymentId, m.address AS Address, m.port AS Port, m.generation AS Generation, m.silo_name AS SiloName,
            m.host_name AS HostName, m.status AS Status, m.proxy_port AS ProxyPort, m.suspect_times AS SuspectTimes,
            m.start_time AS StartTime, m.alive_time AS IAmAliveTime, v.version AS Version
        FROM cliptrain.membership_version v LEFT JOIN cliptrain.member m USING (deployment_id)
        WHERE v.deployment_id = @DeploymentId
    $sql$),
    ('MembershipReadRowKey', $sql$
        SELECT v.deployment_id AS DeploymentId, m.address AS Address, m.port AS Port, m.generation AS Generation, m.silo_name AS SiloName,
            m.host_name AS HostName, m.status AS Status, m.proxy_port AS ProxyPort, m.suspect_times AS SuspectTimes,
            m.start_time AS StartTime, m.alive_time AS IAmAliveTime, v.version AS Version
        FROM cliptrain.membership_version v
            LEFT JOIN cliptrain.member m ON m.deployment_id = v.deployment_id AND m.address = @Address AND m.port = @Port AND m.generation = @Generation
        WHERE v.deployment_id = @DeploymentId
    $sql$),
    -- 3 is SiloStatus.Active.
    ('GatewaysQueryKey', $sql$
        SELECT address AS Address, proxy_port AS ProxyPort, generation AS Generation
        FROM cliptrain.member WHERE deployment_id = @DeploymentId AND status = @Status AND proxy_port > 0
    $sql$),
    ('CleanupDefunctSiloEntriesKey', $sql$
        DELETE FROM cliptrain.member WHERE deployment_id = @DeploymentId AND alive_time < @IAmAliveTime AND status <> 3
    $sql$),
    ('DeleteMembershipTableEntriesKey', $sql$
        DELETE FROM cliptrain.membership_version WHERE deployment_id = @DeploymentId
    $sql$);
END
$create$;
