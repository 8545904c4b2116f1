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
CREATE TABLE public.langgraph_runner_version (
    version_num character varying(32) NOT NULL
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
    duration_ms integer,
    CONSTRAINT ck_run_steps_status CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'running'::character varying, 'completed'::character varying, 'skipped'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
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
    completed_at bigint,
    recoveries integer DEFAULT 0 NOT NULL,
    recovered_at_steps integer DEFAULT 0 NOT NULL,
    CONSTRAINT ck_runs_status CHECK (((status)::text = ANY ((ARRAY['pending'::character varying, 'running'::character varying, 'completed'::character varying, 'failed'::character varying, 'cancelled'::character varying])::text[])))
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
INSERT INTO public.artifacts VALUES ('01a212bfd80fb0073fc9002a225ad29d', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.artifacts VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.artifacts VALUES ('01a212bfda30d3b7d26df52b5e8463db', 'receipt', 'receipt.txt', 'default', 'file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9', 'application/octet-stream', 4, '268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO public.langgraph_runner_version VALUES ('0002');
INSERT INTO public.outputs VALUES ('default', 'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5', '\x22706169642031303022');
INSERT INTO public.outputs VALUES ('default', 'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh', '\x2270616964203130302c2073656e7420746f204f736c6f22');
INSERT INTO public.outputs VALUES ('default', 'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T', '\x22706169642032303022');
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 1, 'default', 'run_created', '{"workflow":"orders.v1","trigger":"manual"}', 1795610892313);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 2, 'default', 'run_started', '{}', 1795610892313);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 3, 'default', 'step_started', '{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}', 1795610892380);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 4, 'default', 'step_completed', '{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba","attempts":1,"duration_ms":10.41}', 1795610892446);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 5, 'default', 'step_started', '{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}', 1795610892446);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 6, 'default', 'step_completed', '{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a","attempts":1,"duration_ms":0.576}', 1795610892518);
INSERT INTO public.run_events VALUES ('01a212bfd80fb0073fc9002a225ad29d', 7, 'default', 'run_completed', '{}', 1795610892518);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 1, 'default', 'run_created', '{"workflow":"orders.v1","trigger":"manual"}', 1795610892576);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 2, 'default', 'run_started', '{}', 1795610892576);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 3, 'default', 'step_skipped', '{"step":"receipt","reason":"cache_hit","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}', 1795610892578);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 4, 'default', 'step_started', '{"step":"ship","cache_key":"orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}', 1795610892578);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 5, 'default', 'step_failed', '{"step":"ship","attempts":1,"duration_ms":6.45,"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}', 1795610892684);
INSERT INTO public.run_events VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 6, 'default', 'run_failed', '{"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}', 1795610892684);
INSERT INTO public.run_events VALUES ('01a212bfda30d3b7d26df52b5e8463db', 1, 'default', 'run_created', '{"workflow":"orders.v1","trigger":"manual"}', 1795610892866);
INSERT INTO public.run_events VALUES ('01a212bfda30d3b7d26df52b5e8463db', 2, 'default', 'run_started', '{}', 1795610892866);
INSERT INTO public.run_events VALUES ('01a212bfda30d3b7d26df52b5e8463db', 3, 'default', 'step_started', '{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}', 1795610892872);
INSERT INTO public.run_events VALUES ('01a212bfda30d3b7d26df52b5e8463db', 4, 'default', 'step_completed', '{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92","attempts":1,"duration_ms":7.573}', 1795610892921);
INSERT INTO public.run_events VALUES ('01a212bfda30d3b7d26df52b5e8463db', 5, 'default', 'step_started', '{"step":"ship","cache_key":"orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}', 1795610892921);
INSERT INTO public.run_steps VALUES ('01a212bfd80fb0073fc9002a225ad29d', 'receipt', 'default', 0, 'completed', NULL, 'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 0, 1, 'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5', NULL, 1, 1795610892380, 1795610892436, 1795610892446, 10);
INSERT INTO public.run_steps VALUES ('01a212bfd80fb0073fc9002a225ad29d', 'ship', 'default', 1, 'completed', NULL, 'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 'orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 0, 1, 'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh', NULL, 1, 1795610892446, 1795610892517, 1795610892518, 1);
INSERT INTO public.run_steps VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 'receipt', 'default', 0, 'skipped', 'cache_hit', 'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 1, 0, 'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5', NULL, 1, NULL, NULL, 1795610892578, NULL);
INSERT INTO public.run_steps VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 'ship', 'default', 1, 'failed', NULL, 'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db', 'orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db', 0, 1, NULL, '{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:48:12.668359+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bfd91ae1d1583c7ffbc6202ecb", "causes": [], "error_id": "36f3fabe4ddbb7ef", "story_id": "01a212bfd91ae1d1583c7ffbc6202ecb"}', 1, 1795610892578, 1795610892678, 1795610892684, 6);
INSERT INTO public.run_steps VALUES ('01a212bfda30d3b7d26df52b5e8463db', 'ship', 'default', 1, 'running', NULL, '46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836', 'orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836', 0, 0, NULL, NULL, 1, 1795610892921, 1795610892921, NULL, NULL);
INSERT INTO public.run_steps VALUES ('01a212bfda30d3b7d26df52b5e8463db', 'receipt', 'default', 0, 'completed', NULL, '8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 'orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 0, 1, 'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T', NULL, 1, 1795610892872, 1795610892913, 1795610892921, 8);
INSERT INTO public.runs VALUES ('01a212bfd80fb0073fc9002a225ad29d', 'default', 'orders.v1', '1', 'completed', 'manual', NULL, '01a212bfd80fb0073fc9002a225ad29d', NULL, '\x7b226e6574223a3130302c2261646472657373223a224f736c6f227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', NULL, NULL, 0, 1, NULL, NULL, NULL, NULL, 1795610892313, 1795610892313, 1795610892518, 0, 0);
INSERT INTO public.runs VALUES ('01a212bfd91ae1d1583c7ffbc6202ecb', 'default', 'orders.v1', '1', 'failed', 'manual', NULL, '01a212bfd91ae1d1583c7ffbc6202ecb', NULL, '\x7b226e6574223a3130302c2261646472657373223a2241746c616e746973227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', '{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:48:12.668359+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bfd91ae1d1583c7ffbc6202ecb", "causes": [], "error_id": "36f3fabe4ddbb7ef", "story_id": "01a212bfd91ae1d1583c7ffbc6202ecb"}', NULL, 0, 1, NULL, NULL, NULL, NULL, 1795610892576, 1795610892576, 1795610892684, 0, 0);
INSERT INTO public.runs VALUES ('01a212bfda30d3b7d26df52b5e8463db', 'default', 'orders.v1', '1', 'running', 'manual', NULL, '01a212bfda30d3b7d26df52b5e8463db', NULL, '\x7b226e6574223a3230302c2261646472657373223a224d6f72646f72227d', '{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}', NULL, NULL, 0, 1, '78eb77587916995d', 0, NULL, NULL, 1795610892866, 1795610892866, NULL, 0, 0);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a', 'global', '01a212bfd80fb0073fc9002a225ad29d', 'ship', 'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh', NULL, 1795610892518, NULL, NULL, 0);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba', 'global', '01a212bfd80fb0073fc9002a225ad29d', 'receipt', 'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5', '[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]', 1795610892446, NULL, 1795610892578, 1);
INSERT INTO public.step_cache VALUES ('default', 'orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92', 'global', '01a212bfda30d3b7d26df52b5e8463db', 'receipt', 'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T', '[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]', 1795610892921, NULL, NULL, 0);
ALTER TABLE ONLY public.langgraph_runner_version
    ADD CONSTRAINT langgraph_runner_version_pkc PRIMARY KEY (version_num);
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
CREATE INDEX ix_run_steps_running ON public.run_steps USING btree (tenant_id, cache_key) WHERE ((status)::text = 'running'::text);
CREATE INDEX ix_runs_leased ON public.runs USING btree (lease_expires_at) WHERE ((status)::text = 'running'::text);
CREATE INDEX ix_runs_listing ON public.runs USING btree (tenant_id, created_at, id);
CREATE INDEX ix_runs_waiting ON public.runs USING btree (priority DESC, created_at, id) WHERE ((status)::text = 'pending'::text);
CREATE INDEX ix_step_cache_run ON public.step_cache USING btree (run_id);
