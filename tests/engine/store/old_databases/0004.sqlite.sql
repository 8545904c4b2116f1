BEGIN TRANSACTION;
CREATE TABLE api_keys (
	id VARCHAR(16) NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	name VARCHAR(128) NOT NULL,
	role VARCHAR(8) NOT NULL,
	secret_sha256 VARCHAR(64) NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	revoked_at BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT ck_api_keys_role CHECK (role IN ('read', 'run', 'admin'))
);
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
INSERT INTO "artifacts" VALUES('01a212c1fb4308c334e47bf405e939e0','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212c1ff21668c18743f790af00408','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212c200608c255af8df85c7b64437','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
CREATE TABLE audit_log (
	id INTEGER NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	at BIGINT NOT NULL,
	actor VARCHAR(256) NOT NULL,
	action VARCHAR(32) NOT NULL,
	target VARCHAR(256) NOT NULL,
	status INTEGER NOT NULL,
	request_id VARCHAR(64) NOT NULL,
	PRIMARY KEY (id)
);
CREATE TABLE langgraph_runner_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT langgraph_runner_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "langgraph_runner_version" VALUES('0004');
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
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611032416);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',2,'default','run_started','{}',1795611032416);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795611032461);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba","attempts":1,"duration_ms":84.891}',1795611033291);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}',1795611033291);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',6,'default','step_completed','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a","attempts":1,"duration_ms":3.767}',1795611033333);
INSERT INTO "run_events" VALUES('01a212c1fb4308c334e47bf405e939e0',7,'default','run_completed','{}',1795611033333);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611033382);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',2,'default','run_started','{}',1795611033382);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',3,'default','step_skipped','{"step":"receipt","reason":"cache_hit","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795611033382);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',4,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}',1795611033382);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',5,'default','step_failed','{"step":"ship","attempts":1,"duration_ms":0.444,"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795611033589);
INSERT INTO "run_events" VALUES('01a212c1ff21668c18743f790af00408',6,'default','run_failed','{"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795611033589);
INSERT INTO "run_events" VALUES('01a212c200608c255af8df85c7b64437',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611033708);
INSERT INTO "run_events" VALUES('01a212c200608c255af8df85c7b64437',2,'default','run_started','{}',1795611033708);
INSERT INTO "run_events" VALUES('01a212c200608c255af8df85c7b64437',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}',1795611033709);
INSERT INTO "run_events" VALUES('01a212c200608c255af8df85c7b64437',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92","attempts":1,"duration_ms":13.71}',1795611033798);
INSERT INTO "run_events" VALUES('01a212c200608c255af8df85c7b64437',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}',1795611033798);
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
	code_version TEXT,
	CONSTRAINT pk_run_steps PRIMARY KEY (run_id, step_id),
	CONSTRAINT ck_run_steps_status CHECK (status IN ('pending', 'running', 'completed', 'skipped', 'failed', 'cancelled'))
)
 WITHOUT ROWID
;
INSERT INTO "run_steps" VALUES('01a212c1fb4308c334e47bf405e939e0','receipt','default',0,'completed',NULL,'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',0,1,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,1795611032461,1795611033206,1795611033291,85,'1');
INSERT INTO "run_steps" VALUES('01a212c1fb4308c334e47bf405e939e0','ship','default',1,'completed',NULL,'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a',0,1,'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1,1795611033291,1795611033329,1795611033333,4,'1');
INSERT INTO "run_steps" VALUES('01a212c1ff21668c18743f790af00408','receipt','default',0,'skipped','cache_hit','df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',1,0,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,NULL,NULL,1795611033382,NULL,'1');
INSERT INTO "run_steps" VALUES('01a212c1ff21668c18743f790af00408','ship','default',1,'failed',NULL,'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db','orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db',0,1,NULL,'{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:50:33.408307+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212c1ff21668c18743f790af00408", "causes": [], "error_id": "31166645f273b9c0", "story_id": "01a212c1ff21668c18743f790af00408"}',1,1795611033382,1795611033589,1795611033589,0,'1');
INSERT INTO "run_steps" VALUES('01a212c200608c255af8df85c7b64437','receipt','default',0,'completed',NULL,'8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92',0,1,'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T',NULL,1,1795611033709,1795611033784,1795611033798,14,'1');
INSERT INTO "run_steps" VALUES('01a212c200608c255af8df85c7b64437','ship','default',1,'running',NULL,'46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836','orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836',0,0,NULL,NULL,1,1795611033798,1795611033798,NULL,NULL,'1');
CREATE TABLE run_tags (
	tenant_id VARCHAR(128) NOT NULL,
	name VARCHAR(64) NOT NULL,
	value VARCHAR(256) NOT NULL,
	created_at BIGINT NOT NULL,
	run_id VARCHAR(64) NOT NULL,
	CONSTRAINT pk_run_tags PRIMARY KEY (tenant_id, name, value, created_at, run_id)
)
 WITHOUT ROWID
;
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611032416,'01a212c1fb4308c334e47bf405e939e0');
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611033382,'01a212c1ff21668c18743f790af00408');
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611033708,'01a212c200608c255af8df85c7b64437');
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
	lease_ms BIGINT,
	duration_ms BIGINT,
	recoveries INTEGER DEFAULT '0' NOT NULL,
	recovered_at_steps INTEGER DEFAULT '0' NOT NULL,
	tags TEXT,
	metadata TEXT, ran_ms BIGINT DEFAULT '0' NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_runs_idempotency UNIQUE (tenant_id, workflow_name, idempotency_key),
	CONSTRAINT ck_runs_status CHECK (status IN ('pending', 'running', 'completed', 'failed', 'cancelled'))
);
INSERT INTO "runs" VALUES('01a212c1fb4308c334e47bf405e939e0','default','orders.v1','1','completed','manual',NULL,'01a212c1fb4308c334e47bf405e939e0',NULL,X'7B226E6574223A3130302C2261646472657373223A224F736C6F227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,NULL,NULL,NULL,NULL,1795611032416,1795611032416,1795611033333,30000,931,0,0,'{"customer": "ada"}',NULL,0);
INSERT INTO "runs" VALUES('01a212c1ff21668c18743f790af00408','default','orders.v1','1','failed','manual',NULL,'01a212c1ff21668c18743f790af00408',NULL,X'7B226E6574223A3130302C2261646472657373223A2241746C616E746973227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}','{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:50:33.408307+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212c1ff21668c18743f790af00408", "causes": [], "error_id": "31166645f273b9c0", "story_id": "01a212c1ff21668c18743f790af00408"}',NULL,0,1,NULL,NULL,NULL,NULL,1795611033382,1795611033382,1795611033589,30000,208,0,0,'{"customer": "ada"}',NULL,0);
INSERT INTO "runs" VALUES('01a212c200608c255af8df85c7b64437','default','orders.v1','1','running','manual',NULL,'01a212c200608c255af8df85c7b64437',NULL,X'7B226E6574223A3230302C2261646472657373223A224D6F72646F72227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,'e9715087333b9097',0,NULL,NULL,1795611033708,1795611033708,NULL,30000,NULL,0,0,'{"customer": "ada"}',NULL,0);
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
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','global','01a212c1fb4308c334e47bf405e939e0','receipt','SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795611033291,NULL,1795611033382,1);
INSERT INTO "step_cache" VALUES('default','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','global','01a212c1fb4308c334e47bf405e939e0','ship','srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1795611033333,NULL,NULL,0);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','global','01a212c200608c255af8df85c7b64437','receipt','nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795611033798,NULL,NULL,0);
CREATE TABLE store_info (
	name VARCHAR(32) NOT NULL,
	value VARCHAR(64) NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "store_info" VALUES('store_id','523386bbdab47cd8f52a85414da79806');
CREATE INDEX ix_step_cache_run ON step_cache (run_id);
CREATE INDEX ix_runs_listing ON runs (tenant_id, created_at, id);
CREATE INDEX ix_run_steps_running ON run_steps (tenant_id, cache_key) WHERE status = 'running';
CREATE INDEX ix_run_steps_failed ON run_steps (tenant_id, step_id) WHERE status = 'failed';
CREATE INDEX ix_runs_leased ON runs (lease_expires_at) WHERE status = 'running';
CREATE INDEX ix_runs_errors ON runs (tenant_id, created_at, id) WHERE error IS NOT NULL;
CREATE INDEX ix_run_tags_run ON run_tags (run_id);
CREATE INDEX ix_artifacts_content ON artifacts (sha256, tenant_id);
CREATE INDEX ix_api_keys_tenant ON api_keys (tenant_id, created_at);
CREATE INDEX ix_audit_log_tenant ON audit_log (tenant_id, id);
CREATE INDEX ix_runs_bases ON runs (base_run_id) WHERE base_run_id IS NOT NULL;
CREATE INDEX ix_runs_waiting ON runs (workflow_name, tenant_id, priority DESC, created_at, id) WHERE status = 'pending';
COMMIT;
