<?php
/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain-PHP stand-in for the chat controller of the existing application: no
 * framework, no autoloader, raw pgsql with persistent connections and named
 * prepared statements kept on them, one persistent socket to what it publishes to.
 * A lower bound on what the same two routes cost under Laravel.
 * Environment: CHAT_DSN, CHAT_SINK (host:port), CHAT_PUBLISH (keep or none).
 */
declare(strict_types=1);
const APP = 'app-id', KEY = 'app-key', SECRET = 'app-secret';
function out(int $code, array $body): never {
    http_response_code($code);
    header('Content-Type: application/json');
    echo json_encode($body, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    exit;
}
const SQL = [
 'tok' => "SELECT u.id, u.name, u.role FROM personal_access_tokens t JOIN users u ON u.id = t.tokenable_id
   WHERE t.token = $1 AND (t.expires_at IS NULL OR t.expires_at > now()) AND u.deleted_at IS NULL",
 'mem' => "SELECT r.id, r.status, p.user_id AS patient, d.user_id AS doctor FROM treatment_requests r
   JOIN patients p ON p.id = r.patient_id
   LEFT JOIN treatment_request_doctors x ON x.treatment_request_id = r.id AND x.status = 'accepted'
   LEFT JOIN doctors d ON d.id = x.doctor_id WHERE r.id = $1 AND r.deleted_at IS NULL",
 'ins' => "INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, attachment_path, created_at, updated_at)
   VALUES ($1, $2, $3, $4, $5, NULL, now(), now()) RETURNING id, created_at",
 'tch' => "UPDATE treatment_requests SET updated_at = now() WHERE id = $1",
 'lst' => "SELECT m.id, m.from_user_id, m.body, m.type, m.attachment_path, m.read_at, m.created_at, u.name, u.role
   FROM messages m JOIN users u ON u.id = m.from_user_id WHERE m.request_id = $1 AND m.deleted_at IS NULL
   ORDER BY m.created_at DESC, m.id DESC LIMIT $2 OFFSET $3",
 'cnt' => "SELECT count(*) FROM messages WHERE request_id = $1 AND deleted_at IS NULL"];
$db = pg_pconnect(getenv('CHAT_DSN') ?: $_SERVER['CHAT_DSN']);
if (!$db) out(503, ['error' => 'database']);
$q = function (string $n, array $p) use ($db) {
    $r = @pg_execute($db, $n, $p);
    if ($r === false && str_contains(pg_last_error($db), 'does not exist')) {
        foreach (SQL as $k => $s) pg_prepare($db, $k, $s);
        $r = pg_execute($db, $n, $p);
    }
    return $r;
};
$auth = $_SERVER['HTTP_AUTHORIZATION'] ?? '';
if (strncasecmp($auth, 'Bearer ', 7)) out(401, ['message' => 'Unauthenticated.']);
$user = pg_fetch_assoc($q('tok', [hash('sha256', substr($auth, 7))]));
if (!$user) out(401, ['message' => 'Unauthenticated.']);
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
if (!preg_match('~/chat/conversation/([0-9a-f-]{36})/(messages?)$~', $path, $m)) out(404, ['error' => 'Not found']);
$conv = pg_fetch_assoc($q('mem', [$m[1]]));
if (!$conv || ($user['role'] !== 'admin' && $user['id'] !== $conv['patient'] && $user['id'] !== $conv['doctor']))
    out(404, ['error' => 'Consultation not found or unauthorized']);
if ($m[2] === 'messages') {
    $page = max(1, (int)($_GET['page'] ?? 1)); $per = min(50, max(1, (int)($_GET['per_page'] ?? 20)));
    $rows = [];
    $r = $q('lst', [$conv['id'], $per, ($page - 1) * $per]);
    while ($w = pg_fetch_row($r))
        $rows[] = ['id' => (int)$w[0], 'user_id' => $w[1], 'content' => $w[2], 'type' => $w[3], 'attachment_path' => $w[4],
            'read_at' => $w[5], 'created_at' => $w[6], 'user' => ['id' => $w[1], 'name' => $w[7], 'role' => $w[8]]];
    $total = (int)pg_fetch_row($q('cnt', [$conv['id']]))[0];
    out(200, ['current_page' => $page, 'data' => $rows, 'per_page' => $per, 'total' => $total,
        'last_page' => (int)ceil($total / $per)]);
}
if ($_SERVER['REQUEST_METHOD'] !== 'POST') out(405, ['error' => 'Method not allowed']);
$in = $_POST ?: (json_decode(file_get_contents('php://input'), true) ?? []);
$text = $in['message'] ?? null; $type = $in['type'] ?? 'text';
if (!is_string($text) || $text === '' || iconv_strlen($text, "UTF-8") > 2000 || !in_array($type, ['text', 'image', 'file'], true))
    out(422, ['errors' => ['message' => ['invalid']]]);
$to = $user['id'] === $conv['patient'] ? $conv['doctor'] : $conv['patient'];
pg_query($db, 'BEGIN');
$new = pg_fetch_row($q('ins', [$user['id'], $to, $conv['id'], $text, $type]));
$q('tch', [$conv['id']]);
pg_query($db, 'COMMIT');
$msg = ['id' => (int)$new[0], 'content' => $text, 'type' => $type, 'user_id' => $user['id'], 'consultation_id' => $conv['id'],
    'created_at' => $new[1], 'user' => $user];
$how = getenv('CHAT_PUBLISH') ?: ($_SERVER['CHAT_PUBLISH'] ?? 'keep');
if ($how !== 'none') {
    $body = json_encode(['name' => 'message.sent', 'channels' => ["private-conversation.{$conv['id']}",
        "private-user.{$conv['doctor']}", "private-user.{$conv['patient']}"],
        'data' => json_encode(['message' => $msg, 'consultation' => ['id' => $conv['id'], 'status' => $conv['status']]])]);
    $qs = 'auth_key=' . KEY . '&auth_timestamp=' . time() . '&auth_version=1.0&body_md5=' . md5($body);
    $url = '/apps/' . APP . '/events';
    $qs .= '&auth_signature=' . hash_hmac('sha256', "POST\n$url\n$qs", SECRET);
    $sink = getenv('CHAT_SINK') ?: $_SERVER['CHAT_SINK'];
    [$h, $p] = explode(':', $sink);
    $s = pfsockopen($h, (int)$p, $e1, $e2, 2.0);
    fwrite($s, "POST $url?$qs HTTP/1.1\r\nHost: $sink\r\nContent-Type: application/json\r\nContent-Length: "
        . strlen($body) . "\r\n\r\n$body");
    $len = 0;
    while (($line = fgets($s)) !== false && $line !== "\r\n")
        if (!strncasecmp($line, 'content-length:', 15)) $len = (int)substr($line, 15);
    if ($len) fread($s, $len);
}
out(201, ['message' => $msg, 'status' => 'sent']);
