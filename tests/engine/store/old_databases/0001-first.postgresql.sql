CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.artifacts (
    run_id character varying(64) NOT NULL,
    step_id character varying(128) NOT NULL,
    name character varying(512) NOT NULL,
    tenant_id character varying(128) NOT NULL,
    uri text NOT NULL,
    media_type character varying(128) NOT NULL,
    size bigint NOT NULL,
    sha256 character varying(64) NOT NULL
);
CREATE TABLE public.outputs (
    tenant_id character varying(128) NOT NULL,
    sha256 character varying(64) NOT NULL,
    data bytea NOT NULL
);
CREATE TABLE public.run_events (
    run_id character varying(64) NOT NULL,
    seq bigint NOT NULL,
    tenant_id character varying(128) NOT NULL,
    type character varying(32) NOT NULL,
    data text NOT NULL,
    at bigint NOT NULL
);
CREATE TABLE public.run_steps (
    run_id character varying(64) NOT NULL,
    step_id character varying(128) NOT NULL,
    tenant_id character varying(128) NOT NULL,
    "position" integer NOT NULL,
    status character varying(16) NOT NULL,
    reason character varying(32),
    input_hash character varying(64),
    cache_key character varying(512),
    cache_hit integer NOT NULL,
    attempts integer NOT NULL,
    output_sha256 character varying(64),
    error text,
    fence bigint NOT NULL,
    queued_at bigint,
    started_at bigint,
    completed_at bigint,
    duration_ms integer
);
CREATE TABLE public.runs (
    id character varying(64) NOT NULL,
    tenant_id character varying(128) NOT NULL,
    workflow_name character varying(128) NOT NULL,
    workflow_version character varying(64) NOT NULL,
    status character varying(16) NOT NULL,
    trigger_type character varying(16) NOT NULL,
    base_run_id character varying(64),
    root_run_id character varying(64) NOT NULL,
    change_request text,
    inputs bytea NOT NULL,
    options text NOT NULL,
    error text,
    idempotency_key character varying(256),
    priority integer NOT NULL,
    fence bigint NOT NULL,
    lease_owner character varying(64),
    lease_expires_at bigint,
    cancel_requested_at bigint,
    cancel_reason text,
    created_at bigint NOT NULL,
    started_at bigint,
    completed_at bigint
);
CREATE TABLE public.step_cache (
    tenant_id character varying(128) NOT NULL,
    cache_key character varying(512) NOT NULL,
    scope character varying(16) NOT NULL,
    run_id character varying(64) NOT NULL,
    step_id character varying(128) NOT NULL,
    output_sha256 character varying(64) NOT NULL,
    artifacts text,
    created_at bigint NOT NULL,
    expires_at bigint,
    last_hit_at bigint,
    hits integer NOT NULL
);
INSERT INTO public.alembic_version VALUES ('0001');
INSERT INTO public.artifacts VALUES ('01a212be77531939148abaef67389bf3', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.artifacts VALUES ('01a212be794b87e9b6337a759e0b53bc', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.artifacts VALUES ('01a212be7a3646e9d4611bab6b354375', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.outputs VALUES ('default', '4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b', '\x22706169642031303022');
INSERT INTO public.outputs VALUES ('default', 'b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979', '\x2270616964203130302c2073656e7420746f204f736c6f22');
INSERT INTO public.outputs VALUES ('default', '9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1', '\x22706169642032303022');
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 1, 'default', 'run_created', '{"workflow": "orders.v1", "trigger": "manual"}', 1795610802265);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 2, 'default', 'run_started', '{}', 1795610802265);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 3, 'default', 'step_started', '{"step": "receipt", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}', 1795610802356);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 4, 'default', 'step_completed', '{"step": "receipt", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba", "attempts": 1, "duration_ms": 3.145}', 1795610802388);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 5, 'default', 'step_started', '{"step": "ship", "cache_key": "orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}', 1795610802388);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 6, 'default', 'step_completed', '{"step": "ship", "cache_key": "orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a", "attempts": 1, "duration_ms": 8.929}', 1795610802444);
INSERT INTO public.run_events VALUES ('01a212be77531939148abaef67389bf3', 7, 'default', 'run_completed', '{}', 1795610802444);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 1, 'default', 'run_created', '{"workflow": "orders.v1", "trigger": "manual"}', 1795610802514);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 2, 'default', 'run_started', '{}', 1795610802514);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 3, 'default', 'step_skipped', '{"step": "receipt", "reason": "cache_hit", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}', 1795610802548);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 4, 'default', 'step_started', '{"step": "ship", "cache_key": "orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}', 1795610802548);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 5, 'default', 'step_failed', '{"step": "ship", "attempts": 1, "duration_ms": 11.354}', 1795610802602);
INSERT INTO public.run_events VALUES ('01a212be794b87e9b6337a759e0b53bc', 6, 'default', 'run_failed', '{}', 1795610802602);
INSERT INTO public.run_events VALUES ('01a212be7a3646e9d4611bab6b354375', 1, 'default', 'run_created', '{"workflow": "orders.v1", "trigger": "manual"}', 1795610802753);
INSERT INTO public.run_events VALUES ('01a212be7a3646e9d4611bab6b354375', 2, 'default', 'run_started', '{}', 1795610802753);
INSERT INTO public.run_events VALUES ('01a212be7a3646e9d4611bab6b354375', 3, 'default', 'step_started', '{"step": "receipt", "cache_key": "orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}', 1795610802836);
INSERT INTO public.run_events VALUES ('01a212be7a3646e9d4611bab6b354375', 4, 'default', 'step_completed', '{"step": "receipt", "cache_key": "orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92", "attempts": 1, "duration_ms": 0.897}', 1795610802876);
INSERT INTO public.run_events VALUES ('01a212be7a3646e9d4611bab6b354375', 5, 'default', 'step_started', '{"step": "ship", "cache_key": "orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}', 1795610802876);
INSERT INTO public.run_steps VALUES ('01a212be77531939148abaef67389bf3', 'receipt', 'default', 0, 'completed', NULL, 'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 0, 1, '4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b', NULL, 1, 1795610802356, 1795610802385, 1795610802388, 3);
INSERT INTO public.run_steps VALUES ('01a212be77531939148abaef67389bf3', 'ship', 'default', 1, 'completed', NULL, 'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 'orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 0, 1, 'b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979', NULL, 1, 1795610802388, 1795610802435, 1795610802444, 9);
INSERT INTO public.run_steps VALUES ('01a212be794b87e9b6337a759e0b53bc', 'receipt', 'default', 0, 'skipped', 'cache_hit', 'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 1, 0, '4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b', NULL, 1, NULL, NULL, 1795610802548, NULL);
INSERT INTO public.run_steps VALUES ('01a212be794b87e9b6337a759e0b53bc', 'ship', 'default', 1, 'failed', NULL, 'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db', 'orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db', 0, 1, NULL, '{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:46:42.582775+00:00", "stack": "Traceback (most recent call last):\n  ... 12 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212be794b87e9b6337a759e0b53bc", "causes": [], "error_id": "14bd3a95b3274f09", "story_id": "01a212be794b87e9b6337a759e0b53bc"}', 1, 1795610802548, 1795610802591, 1795610802602, 11);
INSERT INTO public.run_steps VALUES ('01a212be7a3646e9d4611bab6b354375', 'ship', 'default', 1, 'running', NULL, '46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836', 'orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836', 0, 0, NULL, NULL, 1, 1795610802876, 1795610802876, NULL, NULL);
INSERT INTO public.run_steps VALUES ('01a212be7a3646e9d4611bab6b354375', 'receipt', 'default', 0, 'completed', NULL, '8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 'orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 0, 1, '9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1', NULL, 1, 1795610802836, 1795610802875, 1795610802876, 1);
INSERT INTO public.runs VALUES ('01a212be77531939148abaef67389bf3', 'default', 'orders.v1', '1', 'completed', 'manual', NULL, '01a212be77531939148abaef67389bf3', NULL, '\x7b226e6574223a3130302c2261646472657373223a224f736c6f227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', NULL, NULL, 0, 1, NULL, NULL, NULL, NULL, 1795610802265, 1795610802265, 1795610802444);
INSERT INTO public.runs VALUES ('01a212be794b87e9b6337a759e0b53bc', 'default', 'orders.v1', '1', 'failed', 'manual', NULL, '01a212be794b87e9b6337a759e0b53bc', NULL, '\x7b226e6574223a3130302c2261646472657373223a2241746c616e746973227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', '{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:46:42.582775+00:00", "stack": "Traceback (most recent call last):\n  ... 12 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212be794b87e9b6337a759e0b53bc", "causes": [], "error_id": "14bd3a95b3274f09", "story_id": "01a212be794b87e9b6337a759e0b53bc"}', NULL, 0, 1, NULL, NULL, NULL, NULL, 1795610802514, 1795610802514, 1795610802602);
INSERT INTO public.runs VALUES ('01a212be7a3646e9d4611bab6b354375', 'default', 'orders.v1', '1', 'running', 'manual', NULL, '01a212be7a3646e9d4611bab6b354375', NULL, '\x7b226e6574223a3230302c2261646472657373223a224d6f72646f72227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', NULL, NULL, 0, 1, '740eedb7c7ad6494', 0, NULL, NULL, 1795610802753, 1795610802753, NULL);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 'global', '01a212be77531939148abaef67389bf3', 'ship', 'b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979', NULL, 1795610802444, NULL, NULL, 0);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'global', '01a212be77531939148abaef67389bf3', 'receipt', '4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b', '[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]', 1795610802388, NULL, 1795610802548, 1);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 'global', '01a212be7a3646e9d4611bab6b354375', 'receipt', '9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1', '[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]', 1795610802876, NULL, NULL, 0);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.artifacts
    ADD CONSTRAINT pk_artifacts PRIMARY KEY (run_id, step_id, name);
ALTER TABLE ONLY public.outputs
    ADD CONSTRAINT pk_outputs PRIMARY KEY (tenant_id, sha256);
ALTER TABLE ONLY public.run_events
    ADD CONSTRAINT pk_run_events PRIMARY KEY (run_id, seq);
ALTER TABLE ONLY public.run_steps
    ADD CONSTRAINT pk_run_steps PRIMARY KEY (run_id, step_id);
ALTER TABLE ONLY public.step_cache
    ADD CONSTRAINT pk_step_cache PRIMARY KEY (tenant_id, cache_key);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.runs
    ADD CONSTRAINT uq_runs_idempotency UNIQUE (tenant_id, workflow_name, idempotency_key);
CREATE INDEX ix_runs_claim ON public.runs USING btree (status, lease_expires_at);
CREATE INDEX ix_runs_listing ON public.runs USING btree (tenant_id, created_at, id);
CREATE INDEX ix_step_cache_run ON public.step_cache USING btree (run_id);
