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
INSERT INTO "artifacts" VALUES('01a212bf5222e964093b8c06fbd21a2a','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
INSERT INTO "artifacts" VALUES('01a212bf5340c5ec739dfe98c84eb68b','receipt','receipt.txt','default','file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9','application/octet-stream',4,'268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9');
CREATE TABLE langgraph_runner_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT langgraph_runner_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "langgraph_runner_version" VALUES('0002');
CREATE TABLE outputs (
	tenant_id VARCHAR(128) NOT NULL,
	ref VARCHAR(64) NOT NULL,
	data BLOB NOT NULL,
	CONSTRAINT pk_outputs PRIMARY KEY (tenant_id, ref)
);
INSERT INTO "outputs" VALUES('default','4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b.4841469cd3cd5f77445d5aa2f304f95a',X'22706169642031303022');
INSERT INTO "outputs" VALUES('default','b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979.b2b5f6a94bf2b868f4c291e88c14219f',X'2270616964203130302C2073656E7420746F204F736C6F22');
INSERT INTO "outputs" VALUES('default','9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1.9e1f7dc9825655532ab2ad0f08be133b',X'22706169642032303022');
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
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610858024);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',2,'default','run_started','{}',1795610858024);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610858054);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba","attempts":1,"duration_ms":23.415}',1795610858123);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a"}',1795610858123);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',6,'default','step_completed','{"step":"ship","cache_key":"orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a","attempts":1,"duration_ms":5.499}',1795610858158);
INSERT INTO "run_events" VALUES('01a212bf5222e964093b8c06fbd21a2a',7,'default','run_completed','{}',1795610858158);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610858186);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',2,'default','run_started','{}',1795610858186);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',3,'default','step_skipped','{"step":"receipt","reason":"cache_hit","cache_key":"orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba"}',1795610858186);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',4,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db"}',1795610858186);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',5,'default','step_failed','{"step":"ship","attempts":1,"duration_ms":12.618,"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795610858226);
INSERT INTO "run_events" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24',6,'default','run_failed','{"code":"NODE_EXECUTION_FAILED","error_type":"ConnectionError"}',1795610858226);
INSERT INTO "run_events" VALUES('01a212bf5340c5ec739dfe98c84eb68b',1,'default','run_created','{"workflow":"orders.v1","trigger":"manual"}',1795610858315);
INSERT INTO "run_events" VALUES('01a212bf5340c5ec739dfe98c84eb68b',2,'default','run_started','{}',1795610858315);
INSERT INTO "run_events" VALUES('01a212bf5340c5ec739dfe98c84eb68b',3,'default','step_started','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92"}',1795610858315);
INSERT INTO "run_events" VALUES('01a212bf5340c5ec739dfe98c84eb68b',4,'default','step_completed','{"step":"receipt","cache_key":"orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92","attempts":1,"duration_ms":4.02}',1795610858351);
INSERT INTO "run_events" VALUES('01a212bf5340c5ec739dfe98c84eb68b',5,'default','step_started','{"step":"ship","cache_key":"orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836"}',1795610858351);
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
	output_ref VARCHAR(64),
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
INSERT INTO "run_steps" VALUES('01a212bf5222e964093b8c06fbd21a2a','receipt','default',0,'completed',NULL,'df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',0,1,'4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b.4841469cd3cd5f77445d5aa2f304f95a',NULL,1,1795610858054,1795610858100,1795610858123,23);
INSERT INTO "run_steps" VALUES('01a212bf5222e964093b8c06fbd21a2a','ship','default',1,'completed',NULL,'deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a',0,1,'b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979.b2b5f6a94bf2b868f4c291e88c14219f',NULL,1,1795610858123,1795610858153,1795610858158,5);
INSERT INTO "run_steps" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24','receipt','default',0,'skipped','cache_hit','df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba',1,0,'4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b.4841469cd3cd5f77445d5aa2f304f95a',NULL,1,NULL,NULL,1795610858186,NULL);
INSERT INTO "run_steps" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24','ship','default',1,'failed',NULL,'dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db','orders.v1:ship:dc266142e2f309b2395b6bdb1904ddabc445a2a33c039e9608fb3ce8fb07e7db',0,1,NULL,'{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:47:38.209853+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bf52c869ee5dcbc69ac7bfaf24", "causes": [], "error_id": "e1211b2a747b2ba0", "story_id": "01a212bf52c869ee5dcbc69ac7bfaf24"}',1,1795610858186,1795610858213,1795610858226,13);
INSERT INTO "run_steps" VALUES('01a212bf5340c5ec739dfe98c84eb68b','receipt','default',0,'completed',NULL,'8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92',0,1,'9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1.9e1f7dc9825655532ab2ad0f08be133b',NULL,1,1795610858315,1795610858347,1795610858351,4);
INSERT INTO "run_steps" VALUES('01a212bf5340c5ec739dfe98c84eb68b','ship','default',1,'running',NULL,'46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836','orders.v1:ship:46a6299199690b5c1525e47e4994dff6f5bd643346987f41aff96cdd008e6836',0,0,NULL,NULL,1,1795610858351,1795610858351,NULL,NULL);
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
INSERT INTO "runs" VALUES('01a212bf5222e964093b8c06fbd21a2a','default','orders.v1','1','completed','manual',NULL,'01a212bf5222e964093b8c06fbd21a2a',NULL,X'7B226E6574223A3130302C2261646472657373223A224F736C6F227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,NULL,NULL,NULL,NULL,1795610858024,1795610858024,1795610858158);
INSERT INTO "runs" VALUES('01a212bf52c869ee5dcbc69ac7bfaf24','default','orders.v1','1','failed','manual',NULL,'01a212bf52c869ee5dcbc69ac7bfaf24',NULL,X'7B226E6574223A3130302C2261646472657373223A2241746C616E746973227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}','{"node_id": "ship", "message": "Node ''ship'' failed: ConnectionError: the port does not answer", "code": "NODE_EXECUTION_FAILED", "timestamp": "2026-11-25T12:47:38.209853+00:00", "stack": "Traceback (most recent call last):\n  ... 11 frames in langgraph_runner\n  File \"tools/old_databases.py\", line 111, in _ship\nConnectionError: the port does not answer", "recoverable": true, "attempts": 1, "error_type": "ConnectionError", "category": "network", "trace_id": "01a212bf52c869ee5dcbc69ac7bfaf24", "causes": [], "error_id": "e1211b2a747b2ba0", "story_id": "01a212bf52c869ee5dcbc69ac7bfaf24"}',NULL,0,1,NULL,NULL,NULL,NULL,1795610858186,1795610858186,1795610858226);
INSERT INTO "runs" VALUES('01a212bf5340c5ec739dfe98c84eb68b','default','orders.v1','1','running','manual',NULL,'01a212bf5340c5ec739dfe98c84eb68b',NULL,X'7B226E6574223A3230302C2261646472657373223A224D6F72646F72227D','{"failure_mode": "continue", "max_concurrency": null, "run_timeout_ms": null}',NULL,NULL,0,1,'1ea687135c14231e',0,NULL,NULL,1795610858315,1795610858315,NULL);
CREATE TABLE step_cache (
	tenant_id VARCHAR(128) NOT NULL,
	cache_key VARCHAR(512) NOT NULL,
	scope VARCHAR(16) NOT NULL,
	run_id VARCHAR(64) NOT NULL,
	step_id VARCHAR(128) NOT NULL,
	output_ref VARCHAR(64) NOT NULL,
	artifacts TEXT,
	created_at BIGINT NOT NULL,
	expires_at BIGINT,
	last_hit_at BIGINT,
	hits INTEGER NOT NULL,
	CONSTRAINT pk_step_cache PRIMARY KEY (tenant_id, cache_key)
);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:df48b4ab91c152f718c71ab056b962e29fd21af287acda7ff8a37563c51506ba','global','01a212bf5222e964093b8c06fbd21a2a','receipt','4841469cd3cd5f77445d5aa2f304f95ab05cc3c73f66484f57fbc53885eeab3b.4841469cd3cd5f77445d5aa2f304f95a','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610858123,NULL,1795610858186,1);
INSERT INTO "step_cache" VALUES('default','orders.v1:ship:deb36c7e4c60e86e5adf01abf04c6bac4407985c59ed1416538de45c6bea257a','global','01a212bf5222e964093b8c06fbd21a2a','ship','b2b5f6a94bf2b868f4c291e88c14219f137f62386e4042297b5c23f200ade979.b2b5f6a94bf2b868f4c291e88c14219f',NULL,1795610858158,NULL,NULL,0);
INSERT INTO "step_cache" VALUES('default','orders.v1:receipt:8836674378a197bd82220d21ec57415cc66df07b2fedcbf3438d4fbfb7d54d92','global','01a212bf5340c5ec739dfe98c84eb68b','receipt','9e1f7dc9825655532ab2ad0f08be133bb8a22c37df4a92943b841b45dc352dc1.9e1f7dc9825655532ab2ad0f08be133b','[{"name": "receipt.txt", "uri": "file:///srv/files/26/268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9", "media_type": "application/octet-stream", "size": 4, "sha256": "268ad70eb5bc4737a2ae28162cbca30118cc94520e49ef1ac5f72c85d3f2caa9"}]',1795610858351,NULL,NULL,0);
CREATE INDEX ix_runs_listing ON runs (tenant_id, created_at, id);
CREATE INDEX ix_runs_claim ON runs (status, lease_expires_at);
CREATE INDEX ix_run_steps_running ON run_steps (tenant_id, cache_key) WHERE status = 'running';
CREATE INDEX ix_step_cache_run ON step_cache (run_id);
COMMIT;
