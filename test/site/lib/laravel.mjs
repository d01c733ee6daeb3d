// SPDX-License-Identifier: Apache-2.0
//
// The database of an existing Laravel application, as its migrations would have
// left it: the columns and types of the system that mod_chat joins, with UUIDs or
// with integers as keys. Tables only; the test fills them as the application would.

/** string(), enum(), timestamp() and the like, as Laravel writes them for PostgreSQL. */
const string = 'varchar(255)';
const time = 'timestamp(0)';
const oneOf = (column, ...values) =>
  `${string} CHECK (${column} IN (${values.map((v) => `'${v}'`).join(', ')}))`;
const times = `created_at ${time}, updated_at ${time}`;

/**
 * @param key  'uuid' or 'bigint': what users, profiles, requests and plans have as ids
 * @param o    `plans`, `tokens`: whether the application has these tables
 * @return SQL
 */
export function laravelTables(key, { plans = true, tokens = true } = {}) {
  const id = key === 'uuid' ? 'id uuid PRIMARY KEY' : 'id bigserial PRIMARY KEY';
  const to = (table) => `${key} NOT NULL REFERENCES ${table} (id) ON DELETE CASCADE`;
  return `
CREATE TABLE users (
  ${id}, name ${string} NOT NULL, email ${string} NOT NULL UNIQUE,
  email_verified_at ${time}, fcm_tokens json, phone ${string}, password ${string} NOT NULL,
  role ${oneOf('role', 'admin', 'clinic_manager', 'doctor', 'patient')} NOT NULL DEFAULT 'patient',
  locale varchar(5) NOT NULL DEFAULT 'en',
  status ${oneOf('status', 'pending', 'active', 'suspended', 'inactive')} NOT NULL DEFAULT 'pending',
  remember_token varchar(100), ${times}, deleted_at ${time});
CREATE INDEX users_role_status_index ON users (role, status);
CREATE TABLE patients (
  ${id}, user_id ${to('users')}, date_of_birth date NOT NULL,
  gender ${oneOf('gender', 'male', 'female', 'other', 'prefer_not_to_say')} NOT NULL,
  medical_history jsonb, ${times}, deleted_at ${time});
CREATE INDEX patients_user_id_index ON patients (user_id);
CREATE TABLE doctors (
  ${id}, user_id ${to('users')}, license_number ${string} NOT NULL UNIQUE, specialty ${string} NOT NULL,
  rating numeric(3, 2) NOT NULL DEFAULT 0, verified_at ${time}, ${times}, deleted_at ${time});
CREATE TABLE treatment_requests (
  ${id}, patient_id ${to('patients')}, title ${string} NOT NULL, description text NOT NULL,
  urgency ${oneOf('urgency', 'low', 'medium', 'high', 'emergency')} NOT NULL, symptoms jsonb, photos jsonb,
  status ${oneOf('status', 'pending', 'reviewing', 'quote_requested', 'quoted', 'accepted', 'scheduled',
    'in_progress', 'completed', 'cancelled')} NOT NULL DEFAULT 'pending',
  is_emergency boolean NOT NULL DEFAULT false, notes text, ${times}, deleted_at ${time});
CREATE INDEX treatment_requests_patient_id_status_index ON treatment_requests (patient_id, status);
CREATE INDEX treatment_requests_status_index ON treatment_requests (status);
CREATE TABLE treatment_request_doctors (
  id bigserial PRIMARY KEY, treatment_request_id ${to('treatment_requests')}, doctor_id ${to('doctors')},
  dispatch_order integer NOT NULL, dispatch_score double precision NOT NULL,
  status ${oneOf('status', 'pending', 'accepted', 'declined', 'expired')} NOT NULL DEFAULT 'pending',
  notified_at ${time}, responded_at ${time}, decline_reason text, ${times},
  UNIQUE (treatment_request_id, doctor_id));
CREATE INDEX treatment_request_doctors_doctor_id_status_index ON treatment_request_doctors (doctor_id, status);
CREATE TABLE messages (
  id bigserial PRIMARY KEY, from_user_id ${to('users')}, to_user_id ${to('users')},
  request_id ${key} REFERENCES treatment_requests (id) ON DELETE CASCADE,
  body text NOT NULL, attachments_json json, read_at ${time}, ${times}, deleted_at ${time},
  type ${string} NOT NULL DEFAULT 'text', attachment_path ${string});
CREATE INDEX messages_from_user_id_index ON messages (from_user_id);
CREATE INDEX messages_to_user_id_index ON messages (to_user_id);
CREATE INDEX messages_request_id_created_at_index ON messages (request_id, created_at);
${plans ? `
CREATE TABLE treatment_plans (
  ${id}, treatment_request_id ${to('treatment_requests')}, doctor_id ${to('doctors')}, clinic_id ${key},
  title ${string} NOT NULL, description text NOT NULL, diagnosis text NOT NULL, services jsonb,
  total_cost numeric(10, 2) NOT NULL, currency varchar(3) NOT NULL, estimated_duration_days integer NOT NULL,
  number_of_visits integer NOT NULL,
  status ${oneOf('status', 'draft', 'submitted', 'accepted', 'rejected', 'expired')} NOT NULL DEFAULT 'draft',
  expires_at ${time}, cancelled_at ${time}, cancellation_reason ${string}, notes text, ${times}, deleted_at ${time});
CREATE UNIQUE INDEX unique_accepted_plan_per_request ON treatment_plans (treatment_request_id)
  WHERE status = 'accepted' AND deleted_at IS NULL;` : ''}
${tokens ? `
CREATE TABLE personal_access_tokens (
  id bigserial PRIMARY KEY, tokenable_type ${string} NOT NULL, tokenable_id ${key} NOT NULL,
  name ${string} NOT NULL, token varchar(64) NOT NULL UNIQUE, abilities text,
  last_used_at ${time}, expires_at ${time}, ${times});
CREATE INDEX personal_access_tokens_tokenable_type_tokenable_id_index
  ON personal_access_tokens (tokenable_type, tokenable_id);` : ''}
`;
}
