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
INSERT INTO "artifacts" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212c4c668bdef95205d9c5b37c24d','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
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
INSERT INTO "langgraph_runner_version" VALUES('0008');
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
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611214723);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',2,'default','run_started','{}',1795611214723);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795611214792);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba","attempts":1,"duration_ms":39.748}',1795611215060);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}',1795611215060);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',6,'default','step_completed','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a","attempts":1,"duration_ms":5.18}',1795611215119);
INSERT INTO "run_events" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44',7,'default','run_completed','{}',1795611215119);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611215179);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',2,'default','run_started','{}',1795611215179);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',3,'default','step_skipped','{"step":"receipt","reason":"cache_hit","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795611215180);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',4,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}',1795611215180);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',5,'default','step_failed','{"step":"ship","attempts":1,"duration_ms":0.608,"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795611215213);
INSERT INTO "run_events" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda',6,'default','run_failed','{"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795611215213);
INSERT INTO "run_events" VALUES('01a212c4c668bdef95205d9c5b37c24d',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795611215475);
INSERT INTO "run_events" VALUES('01a212c4c668bdef95205d9c5b37c24d',2,'default','run_started','{}',1795611215475);
INSERT INTO "run_events" VALUES('01a212c4c668bdef95205d9c5b37c24d',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}',1795611215476);
INSERT INTO "run_events" VALUES('01a212c4c668bdef95205d9c5b37c24d',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92","attempts":1,"duration_ms":8.058}',1795611215531);
INSERT INTO "run_events" VALUES('01a212c4c668bdef95205d9c5b37c24d',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}',1795611215531);
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
INSERT INTO "run_steps" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44','receipt','default',0,'completed',NULL,'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',0,1,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,1795611214792,1795611215020,1795611215060,40,'1');
INSERT INTO "run_steps" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44','ship','default',1,'completed',NULL,'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a',0,1,'srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1,1795611215060,1795611215114,1795611215119,5,'1');
INSERT INTO "run_steps" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda','receipt','default',0,'skipped','cache_hit','df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',1,0,'SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5',NULL,1,NULL,NULL,1795611215180,NULL,'1');
INSERT INTO "run_steps" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda','ship','default',1,'failed',NULL,'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db','orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db',0,1,NULL,'{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:53:35.207317+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212c4c5480f0a53fb6e5a6c3c5dda", "causes": [], "error_id": "474039ec9c04486d", "story_id": "01a212c4c5480f0a53fb6e5a6c3c5dda"}',1,1795611215180,1795611215212,1795611215213,1,'1');
INSERT INTO "run_steps" VALUES('01a212c4c668bdef95205d9c5b37c24d','receipt','default',0,'completed',NULL,'8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92',0,1,'nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T',NULL,1,1795611215476,1795611215523,1795611215531,8,'1');
INSERT INTO "run_steps" VALUES('01a212c4c668bdef95205d9c5b37c24d','ship','default',1,'running',NULL,'46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836','orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836',0,0,NULL,NULL,1,1795611215531,1795611215531,NULL,NULL,'1');
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
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611214723,'01a212c4c36bd19e1b4cb6b0b2aafc44');
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611215179,'01a212c4c5480f0a53fb6e5a6c3c5dda');
INSERT INTO "run_tags" VALUES('default','customer','ada',1795611215475,'01a212c4c668bdef95205d9c5b37c24d');
CREATE TABLE run_workers (
	id VARCHAR(64) NOT NULL,
	host VARCHAR(256) NOT NULL,
	pid INTEGER NOT NULL,
	version VARCHAR(32) NOT NULL,
	workflows TEXT NOT NULL,
	max_active_runs INTEGER NOT NULL,
	is_draining INTEGER NOT NULL,
	started_at BIGINT NOT NULL,
	seen_at BIGINT NOT NULL, queues TEXT DEFAULT '[]' NOT NULL,
	PRIMARY KEY (id)
);
INSERT INTO "run_workers" VALUES('a2015f62b195097d','vm',7268,'0.1.0','["orders.v1"]',100,0,1795611216476,1795611216476,'[]');
INSERT INTO "run_workers" VALUES('9f834aa96a2ab62a','vm',7268,'0.1.0','["orders.v1"]',100,0,1795611216520,1795611216520,'["parcels"]');
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
INSERT INTO "runs" VALUES('01a212c4c36bd19e1b4cb6b0b2aafc44','default','orders.v1','1','completed','manual',NULL,'01a212c4c36bd19e1b4cb6b0b2aafc44',NULL,X'7B226E6574223A3130302C2261646472657373223A224F736C6F227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,NULL,NULL,NULL,NULL,1795611214723,1795611214723,1795611215119,30000,401,0,0,'{"customer": "ada"}',NULL,0);
INSERT INTO "runs" VALUES('01a212c4c5480f0a53fb6e5a6c3c5dda','default','orders.v1','1','failed','manual',NULL,'01a212c4c5480f0a53fb6e5a6c3c5dda',NULL,X'7B226E6574223A3130302C2261646472657373223A2241746C616E746973227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}','{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:53:35.207317+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212c4c5480f0a53fb6e5a6c3c5dda", "causes": [], "error_id": "474039ec9c04486d", "story_id": "01a212c4c5480f0a53fb6e5a6c3c5dda"}',NULL,0,1,NULL,NULL,NULL,NULL,1795611215179,1795611215179,1795611215213,30000,33,0,0,'{"customer": "ada"}',NULL,0);
INSERT INTO "runs" VALUES('01a212c4c668bdef95205d9c5b37c24d','default','orders.v1','1','running','manual',NULL,'01a212c4c668bdef95205d9c5b37c24d',NULL,X'7B226E6574223A3230302C2261646472657373223A224D6F72646F72227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,'a2015f62b195097d',0,NULL,NULL,1795611215475,1795611215475,NULL,30000,NULL,0,0,'{"customer": "ada"}',NULL,0);
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
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','global','01a212c4c36bd19e1b4cb6b0b2aafc44','receipt','SEFGnNPNX3dEXVqi8wT5WrBcw8c_ZkhPV_vFOIXuqzs.SEFGnNPNX3dEXVqi8wT5','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795611215060,NULL,1795611215180,1);
INSERT INTO "step_cache" VALUES('default','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','global','01a212c4c36bd19e1b4cb6b0b2aafc44','ship','srX2qUvyuGj0wpHojBQhnxN_YjhuQEIpe1wj8gCt6Xk.srX2qUvyuGj0wpHojBQh',NULL,1795611215119,NULL,NULL,0);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','global','01a212c4c668bdef95205d9c5b37c24d','receipt','nh99yYJWVVMqsq0PCL4TO7iiLDffSpKUO4QbRdw1LcE.nh99yYJWVVMqsq0PCL4T','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795611215531,NULL,NULL,0);
CREATE TABLE step_tasks (
	run_id VARCHAR(64) NOT NULL,
	step_id VARCHAR(128) NOT NULL,
	tenant_id VARCHAR(128) NOT NULL,
	workflow_name VARCHAR(128) NOT NULL,
	queue VARCHAR(64) NOT NULL,
	status VARCHAR(16) NOT NULL,
	start TEXT NOT NULL,
	fence BIGINT NOT NULL,
	lease_owner VARCHAR(64),
	lease_expires_at BIGINT,
	recoveries INTEGER NOT NULL,
	created_at BIGINT NOT NULL,
	result TEXT,
	output BLOB,
	CONSTRAINT pk_step_tasks PRIMARY KEY (run_id, step_id),
	CONSTRAINT ck_step_tasks_status CHECK (status IN ('waiting', 'running', 'done'))
);
INSERT INTO "step_tasks" VALUES('01a212c4c668bdef95205d9c5b37c24d','ship','default','orders.v1','parcels','running','{"step": "ship", "input_hash": "46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836", "cache_key": "orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836", "code_version": "1", "has_waited": false, "is_forced": false}',1,'9f834aa96a2ab62a',0,0,1795611215551,NULL,NULL);
CREATE TABLE store_info (
	name VARCHAR(32) NOT NULL,
	value VARCHAR(64) NOT NULL,
	PRIMARY KEY (name)
);
INSERT INTO "store_info" VALUES('store_id','3b3bdf37aeb71f2a70de178c7caf2a37');
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
CREATE INDEX ix_step_tasks_queue ON step_tasks (queue, status, created_at);
CREATE INDEX ix_runs_status ON runs (tenant_id, status, created_at, id) WHERE status <> 'completed';
COMMIT;
