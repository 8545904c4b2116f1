BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE artifacts (
	run_id VARCHAR(64) NOT NULL,
	step_id VARCHAR(128) NOT NULL,
	name VARCHAR(512) NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	uri TEXT NOT NULL,
	media_type VARCHAR(128) NOT NULL,
	size BIGINT NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	CONSTRAINT pk_artifacts PRIMARY KEY (run_id, step_id, name)
);
INSERT INTO "artifacts" VALUES('01a212be4db252c14051ef7d228bc55e','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212be4ecd37e2d592641f801c1861','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212be4f60abb6c0c0a9f70e5a5890','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
CREATE TABLE outputs (
	tenant_id VARCHAR(128) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	data BLOB NOT NULL,
	CONSTRAINT pk_outputs PRIMARY KEY (tenant_id, sha256)
);
INSERT INTO "outputs" VALUES('default','4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b',X'22706169642031303022');
INSERT INTO "outputs" VALUES('default','b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979',X'2270616964203130302C2073656E7420746F204F736C6F22');
INSERT INTO "outputs" VALUES('default','9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1',X'22706169642032303022');
CREATE TABLE run_events (
	run_id VARCHAR(64) NOT NULL,
	seq BIGINT NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	type VARCHAR(32) NOT NULL,
	data TEXT NOT NULL,
	at BIGINT NOT NULL,
	CONSTRAINT pk_run_events PRIMARY KEY (run_id, seq)
)
 WITHOUT ROWID
;
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',1,'default','run_created','{"workflow": "orders.v1", "trigger": "manual"}',1795610791356);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',2,'default','run_started','{}',1795610791356);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',3,'default','step_started','{"step": "receipt", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610791424);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',4,'default','step_completed','{"step": "receipt", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba", "attempts": 1, "duration_ms": 28.241}',1795610791503);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',5,'default','step_started','{"step": "ship", "cache_key": "orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}',1795610791503);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',6,'default','step_completed','{"step": "ship", "cache_key": "orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a", "attempts": 1, "duration_ms": 3.558}',1795610791591);
INSERT INTO "run_events" VALUES('01a212be4db252c14051ef7d228bc55e',7,'default','run_completed','{}',1795610791591);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',1,'default','run_created','{"workflow": "orders.v1", "trigger": "manual"}',1795610791634);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',2,'default','run_started','{}',1795610791634);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',3,'default','step_skipped','{"step": "receipt", "reason": "cache_hit", "cache_key": "orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610791646);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',4,'default','step_started','{"step": "ship", "cache_key": "orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}',1795610791646);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',5,'default','step_failed','{"step": "ship", "attempts": 1, "duration_ms": 13.942}',1795610791690);
INSERT INTO "run_events" VALUES('01a212be4ecd37e2d592641f801c1861',6,'default','run_failed','{}',1795610791690);
INSERT INTO "run_events" VALUES('01a212be4f60abb6c0c0a9f70e5a5890',1,'default','run_created','{"workflow": "orders.v1", "trigger": "manual"}',1795610791778);
INSERT INTO "run_events" VALUES('01a212be4f60abb6c0c0a9f70e5a5890',2,'default','run_started','{}',1795610791778);
INSERT INTO "run_events" VALUES('01a212be4f60abb6c0c0a9f70e5a5890',3,'default','step_started','{"step": "receipt", "cache_key": "orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}',1795610791869);
INSERT INTO "run_events" VALUES('01a212be4f60abb6c0c0a9f70e5a5890',4,'default','step_completed','{"step": "receipt", "cache_key": "orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92", "attempts": 1, "duration_ms": 1.08}',1795610791898);
INSERT INTO "run_events" VALUES('01a212be4f60abb6c0c0a9f70e5a5890',5,'default','step_started','{"step": "ship", "cache_key": "orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}',1795610791898);
CREATE TABLE run_steps (
	run_id VARCHAR(64) NOT NULL,
	step_id VARCHAR(128) NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	position INTEGER NOT NULL,
	status VARCHAR(16) NOT NULL,
	reason VARCHAR(32),
	input_hash VARCHAR(64),
	cache_key VARCHAR(512),
	cache_hit INTEGER NOT NULL,
	attempts INTEGER NOT NULL,
	output_sha256 VARCHAR(64),
	error TEXT,
	fence BIGINT NOT NULL,
	queued_at BIGINT,
	started_at BIGINT,
	completed_at BIGINT,
	duration_ms INTEGER,
	CONSTRAINT pk_run_steps PRIMARY KEY (run_id, step_id)
)
 WITHOUT ROWID
;
INSERT INTO "run_steps" VALUES('01a212be4db252c14051ef7d228bc55e','receipt','default',0,'completed',NULL,'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',0,1,'4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b',NULL,1,1795610791424,1795610791475,1795610791503,28);
INSERT INTO "run_steps" VALUES('01a212be4db252c14051ef7d228bc55e','ship','default',1,'completed',NULL,'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a',0,1,'b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979',NULL,1,1795610791503,1795610791587,1795610791591,4);
INSERT INTO "run_steps" VALUES('01a212be4ecd37e2d592641f801c1861','receipt','default',0,'skipped','cache_hit','df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',1,0,'4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b',NULL,1,NULL,NULL,1795610791646,NULL);
INSERT INTO "run_steps" VALUES('01a212be4ecd37e2d592641f801c1861','ship','default',1,'failed',NULL,'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db','orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db',0,1,NULL,'{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:46:31.671904+00:00", "stack": "Traceback (most recent call last):\n  ... 12 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212be4ecd37e2d592641f801c1861", "causes": [], "error_id": "d19598306d21e3ac", "story_id": "01a212be4ecd37e2d592641f801c1861"}',1,1795610791646,1795610791676,1795610791690,14);
INSERT INTO "run_steps" VALUES('01a212be4f60abb6c0c0a9f70e5a5890','receipt','default',0,'completed',NULL,'8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92',0,1,'9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1',NULL,1,1795610791869,1795610791897,1795610791898,1);
INSERT INTO "run_steps" VALUES('01a212be4f60abb6c0c0a9f70e5a5890','ship','default',1,'running',NULL,'46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836','orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836',0,0,NULL,NULL,1,1795610791898,1795610791898,NULL,NULL);
CREATE TABLE runs (
	id VARCHAR(64) NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	workflow_name VARCHAR(128) NOT NULL,
	workflow_version VARCHAR(64) NOT NULL,
	status VARCHAR(16) NOT NULL,
	trigger_type VARCHAR(16) NOT NULL,
	base_run_id VARCHAR(64),
	root_run_id VARCHAR(64) NOT NULL,
	change_request TEXT,
	inputs BLOB NOT NULL,
	options TEXT NOT NULL,
	error TEXT,
	idempotency_key VARCHAR(256),
	priority INTEGER NOT NULL,
	fence BIGINT NOT NULL,
	lease_owner VARCHAR(64),
	lease_expires_at BIGINT,
	cancel_requested_at BIGINT,
	cancel_reason TEXT,
	created_at BIGINT NOT NULL,
	started_at BIGINT,
	completed_at BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT uq_runs_idempotency UNIQUE (tenant_id, workflow_name, idempotency_key)
);
INSERT INTO "runs" VALUES('01a212be4db252c14051ef7d228bc55e','default','orders.v1','1','completed','manual',NULL,'01a212be4db252c14051ef7d228bc55e',NULL,X'7B226E6574223A3130302C2261646472657373223A224F736C6F227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,NULL,NULL,NULL,NULL,1795610791356,1795610791356,1795610791591);
INSERT INTO "runs" VALUES('01a212be4ecd37e2d592641f801c1861','default','orders.v1','1','failed','manual',NULL,'01a212be4ecd37e2d592641f801c1861',NULL,X'7B226E6574223A3130302C2261646472657373223A2241746C616E746973227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}','{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:46:31.671904+00:00", "stack": "Traceback (most recent call last):\n  ... 12 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212be4ecd37e2d592641f801c1861", "causes": [], "error_id": "d19598306d21e3ac", "story_id": "01a212be4ecd37e2d592641f801c1861"}',NULL,0,1,NULL,NULL,NULL,NULL,1795610791634,1795610791634,1795610791690);
INSERT INTO "runs" VALUES('01a212be4f60abb6c0c0a9f70e5a5890','default','orders.v1','1','running','manual',NULL,'01a212be4f60abb6c0c0a9f70e5a5890',NULL,X'7B226E6574223A3230302C2261646472657373223A224D6F72646F72227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,'88385fb0e3116baf',0,NULL,NULL,1795610791778,1795610791778,NULL);
CREATE TABLE step_cache (
	tenant_id VARCHAR(128) NOT NULL,
	cache_key VARCHAR(512) NOT NULL,
	scope VARCHAR(16) NOT NULL,
	run_id VARCHAR(64) NOT NULL,
	step_id VARCHAR(128) NOT NULL,
	output_sha256 VARCHAR(64) NOT NULL,
	artifacts TEXT,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	last_hit_at BIGINT,
	hits INTEGER NOT NULL,
	CONSTRAINT pk_step_cache PRIMARY KEY (tenant_id, cache_key)
);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','global','01a212be4db252c14051ef7d228bc55e','receipt','4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610791503,NULL,1795610791646,1);
INSERT INTO "step_cache" VALUES('default','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','global','01a212be4db252c14051ef7d228bc55e','ship','b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979',NULL,1795610791591,NULL,NULL,0);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','global','01a212be4f60abb6c0c0a9f70e5a5890','receipt','9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610791898,NULL,NULL,0);
CREATE INDEX ix_runs_listing ON runs (tenant_id, created_at, id);
CREATE INDEX ix_runs_claim ON runs (status, lease_expires_at);
CREATE INDEX ix_step_cache_run ON step_cache (run_id);
COMMIT;
