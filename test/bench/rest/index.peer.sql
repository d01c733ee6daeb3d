-- SPDX-License-Identifier: Apache-2.0
--
-- What the existing application's migrations put on its tables beside the keys.
CREATE INDEX patients_user_id ON patients (user_id);
CREATE INDEX doctors_user_id ON doctors (user_id);
CREATE INDEX treatment_requests_patient_id ON treatment_requests (patient_id);
CREATE INDEX treatment_request_doctors_doctor ON treatment_request_doctors (doctor_id, status);
CREATE INDEX messages_from_user_id_index ON messages (from_user_id);
CREATE INDEX messages_to_user_id_index ON messages (to_user_id);
CREATE INDEX messages_request_id_index ON messages (request_id);
CREATE INDEX messages_read_at_index ON messages (read_at);
CREATE INDEX messages_from_to_index ON messages (from_user_id, to_user_id);
CREATE INDEX messages_request_created_index ON messages (request_id, created_at);
