BEGIN TRANSACTION;
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
INSERT INTO "artifacts" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212bfa9465555e4ac83f9604e1ebb','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
CREATE TABLE langgraph_runner_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT langgraph_runner_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "langgraph_runner_version" VALUES('0002');
CREATE TABLE outputs (
	tenant_id VARCHAR(128) NOT NULL,
	sha256 VARCHAR(64) NOT NULL,
	data BLOB NOT NULL,
	CONSTRAINT pk_outputs PRIMARY KEY (tenant_id, sha256)
);
INSERT INTO "outputs" VALUES('default','SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',X'22706169642031303022');
INSERT INTO "outputs" VALUES('default','srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',X'2270616964203130302C2073656E7420746F204F736C6F22');
INSERT INTO "outputs" VALUES('default','nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T',X'22706169642032303022');
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
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610880055);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',2,'default','run_started','{}',1795610880055);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610880136);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba","attempts":1,"duration_ms":30.909}',1795610880233);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}',1795610880233);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',6,'default','step_completed','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a","attempts":1,"duration_ms":0.627}',1795610880293);
INSERT INTO "run_events" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5',7,'default','run_completed','{}',1795610880293);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610880338);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',2,'default','run_started','{}',1795610880338);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',3,'default','step_skipped','{"step":"receipt","reason":"cache_hit","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610880338);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',4,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}',1795610880338);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',5,'default','step_failed','{"step":"ship","attempts":1,"duration_ms":11.393,"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795610880387);
INSERT INTO "run_events" VALUES('01a212bfa9465555e4ac83f9604e1ebb',6,'default','run_failed','{"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795610880387);
INSERT INTO "run_events" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610880495);
INSERT INTO "run_events" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f',2,'default','run_started','{}',1795610880495);
INSERT INTO "run_events" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}',1795610880496);
INSERT INTO "run_events" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92","attempts":1,"duration_ms":10.486}',1795610880546);
INSERT INTO "run_events" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}',1795610880546);
CREATE TABLE "run_steps" (
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
	CONSTRAINT pk_run_steps PRIMARY KEY (run_id, step_id),
	CONSTRAINT ck_run_steps_status CHECK (status IN ('pending', 'running', 'completed', 'skipped', 'failed', 'cancelled'))
)
 WITHOUT ROWID
;
INSERT INTO "run_steps" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5','receipt','default',0,'completed',NULL,'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',0,1,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,1795610880136,1795610880202,1795610880233,31);
INSERT INTO "run_steps" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5','ship','default',1,'completed',NULL,'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a',0,1,'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1,1795610880233,1795610880292,1795610880293,1);
INSERT INTO "run_steps" VALUES('01a212bfa9465555e4ac83f9604e1ebb','receipt','default',0,'skipped','cache_hit','df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',1,0,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,NULL,NULL,1795610880338,NULL);
INSERT INTO "run_steps" VALUES('01a212bfa9465555e4ac83f9604e1ebb','ship','default',1,'failed',NULL,'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db','orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db',0,1,NULL,'{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:48:00.368027+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bfa9465555e4ac83f9604e1ebb", "causes": [], "error_id": "c5595d807c9b70cc", "story_id": "01a212bfa9465555e4ac83f9604e1ebb"}',1,1795610880338,1795610880376,1795610880387,11);
INSERT INTO "run_steps" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f','receipt','default',0,'completed',NULL,'8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92',0,1,'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T',NULL,1,1795610880496,1795610880536,1795610880546,10);
INSERT INTO "run_steps" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f','ship','default',1,'running',NULL,'46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836','orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836',0,0,NULL,NULL,1,1795610880546,1795610880546,NULL,NULL);
CREATE TABLE "runs" (
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
	recoveries INTEGER DEFAULT '0' NOT NULL,
	recovered_at_steps INTEGER DEFAULT '0' NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_runs_idempotency UNIQUE (tenant_id, workflow_name, idempotency_key),
	CONSTRAINT ck_runs_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled'))
);
INSERT INTO "runs" VALUES('01a212bfa82b631cd1b6d73bd3af4ba5','default','orders.v1','1','completed','manual',NULL,'01a212bfa82b631cd1b6d73bd3af4ba5',NULL,X'7B226E6574223A3130302C2261646472657373223A224F736C6F227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,NULL,NULL,NULL,NULL,1795610880055,1795610880055,1795610880293,0,0);
INSERT INTO "runs" VALUES('01a212bfa9465555e4ac83f9604e1ebb','default','orders.v1','1','failed','manual',NULL,'01a212bfa9465555e4ac83f9604e1ebb',NULL,X'7B226E6574223A3130302C2261646472657373223A2241746C616E746973227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}','{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:48:00.368027+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bfa9465555e4ac83f9604e1ebb", "causes": [], "error_id": "c5595d807c9b70cc", "story_id": "01a212bfa9465555e4ac83f9604e1ebb"}',NULL,0,1,NULL,NULL,NULL,NULL,1795610880338,1795610880338,1795610880387,0,0);
INSERT INTO "runs" VALUES('01a212bfa9e4f6b91e1ad00c9f53c08f','default','orders.v1','1','running','manual',NULL,'01a212bfa9e4f6b91e1ad00c9f53c08f',NULL,X'7B226E6574223A3230302C2261646472657373223A224D6F72646F72227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,'1a49fffe4c9d16b8',0,NULL,NULL,1795610880495,1795610880495,NULL,0,0);
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
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','global','01a212bfa82b631cd1b6d73bd3af4ba5','receipt','SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610880233,NULL,1795610880338,1);
INSERT INTO "step_cache" VALUES('default','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','global','01a212bfa82b631cd1b6d73bd3af4ba5','ship','srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1795610880293,NULL,NULL,0);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','global','01a212bfa9e4f6b91e1ad00c9f53c08f','receipt','nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610880546,NULL,NULL,0);
CREATE INDEX ix_step_cache_run ON step_cache (run_id);
CREATE INDEX ix_runs_listing ON runs (tenant_id, created_at, id);
CREATE INDEX ix_run_steps_running ON run_steps (tenant_id, cache_key) WHERE status = 'running';
CREATE INDEX ix_runs_waiting ON runs (priority DESC, created_at, id) WHERE status = 'pending';
CREATE INDEX ix_runs_leased ON runs (lease_expires_at) WHERE status = 'running';
COMMIT;
