-- SPDX-License-Identifier: Apache-2.0
--
-- People, consultations and messages to try things with. Runs once, on a fresh
-- schema.sqlite.sql:
--
--   sqlite3 chat.db <sample.sqlite.sql
--
-- Twelve people whose password is `password`, twenty consultations, and what they
-- wrote to each other in the weeks before now, in English and in Arabic. Never
-- load it where strangers can log in.
--
-- Consultation 1 is between the first patient (patient@example.com) and the first
-- doctor (doctor@example.com); the first patient is in 1, 10 and 18 only;
-- consultation 19 has no doctor and no message yet.

PRAGMA foreign_keys = ON;

BEGIN IMMEDIATE;

-- --- people ------------------------------------------------------------------
-- One bcrypt hash of cost 10 for all.

CREATE TEMP TABLE sample_person (id, name, email, role, locale);
INSERT INTO temp.sample_person VALUES
(1,  'Mona Haddad',       'patient@example.com',      'patient', 'en'),
(2,  'Dr. Sami Khalil',   'doctor@example.com',       'doctor',  'en'),
(3,  'Layla Mansour',     'admin@example.com',        'admin',   'en'),
(4,  'James Carter',      'james.carter@example.com', 'patient', 'en'),
(5,  'فاطمة الزهراء',     'fatima@example.com',       'patient', 'ar'),
(6,  'خالد العتيبي',      'khalid@example.com',       'patient', 'ar'),
(7,  'Emily Clarke',      'emily.clarke@example.com', 'patient', 'en'),
(8,  'سارة محمود',        'sara@example.com',         'patient', 'ar'),
(9,  'Daniel Okafor',     'daniel@example.com',       'patient', 'en'),
(10, 'Dr. Hannah Weiss',  'hannah.weiss@example.com', 'doctor',  'en'),
(11, 'د. عمر الحسن',      'omar@example.com',         'doctor',  'ar'),
(12, 'ريم عبد الله',      'reem@example.com',         'patient', 'ar');

INSERT INTO users (id, name, email, email_verified_at, password, role, locale,
                   created_at, updated_at)
SELECT id, name, email, strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days'),
       '$2y$10$SqIaLcfhlZpFJphas30cy.i7Q1AJuBseA4VXrUSvVc/YE47J32Eqm',
       role, locale,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days', '+' || id || ' hours'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-60 days', '+' || id || ' hours')
FROM temp.sample_person ORDER BY id;

-- --- consultations ---------------------------------------------------------------
-- ago: minutes from the last message until now; unread: how many of the last
-- messages of either side the other has not read.

CREATE TEMP TABLE sample_talk (id, patient_id, doctor_id, status, urgency, ago,
                               unread, title);
INSERT INTO temp.sample_talk VALUES
(1,  1,  2,    'in_progress', 'high',   6,     1, 'Pain in a lower molar'),
(2,  4,  2,    'completed',   'normal', 15840, 0, 'Wisdom tooth removal'),
(3,  5,  11,   'in_progress', 'high',   35,    2, 'ألم شديد في الضرس'),
(4,  7,  10,   'in_progress', 'normal', 190,   0, 'Clear aligners'),
(5,  6,  11,   'completed',   'low',    8900,  0, 'تبييض الأسنان'),
(6,  9,  10,   'in_progress', 'high',   80,    1, 'Chipped front tooth'),
(7,  8,  2,    'in_progress', 'normal', 1500,  1, 'استشارة تقويم'),
(8,  12, 11,   'in_progress', 'normal', 260,   3, 'نزيف اللثة'),
(9,  4,  10,   'completed',   'low',    21000, 0, 'Night guard'),
(10, 1,  10,   'in_progress', 'low',    1330,  2, 'Whitening before a wedding'),
(11, 7,  2,    'completed',   'high',   30200, 0, 'Root canal, upper left'),
(12, 5,  10,   'completed',   'normal', 11700, 0, 'My son''s first check-up'),
(13, 9,  2,    'in_progress', 'normal', 2900,  0, 'Implant for a missing premolar'),
(14, 6,  2,    'in_progress', 'normal', 4400,  1, 'حساسية من البارد'),
(15, 8,  11,   'in_progress', 'normal', 700,   0, 'زراعة سن أمامي'),
(16, 12, 10,   'in_progress', 'low',    5800,  1, 'Lost retainer'),
(17, 4,  11,   'in_progress', 'normal', 3100,  0, 'Second opinion on a crown'),
(18, 1,  2,    'completed',   'low',    40500, 0, 'Yearly check-up'),
(19, 7,  NULL, 'pending',     'normal', 50,    0, 'Swollen gum behind the last tooth'),
(20, 12, 11,   'cancelled',   'low',    26000, 0, 'موعد تنظيف');

INSERT INTO treatment_requests (id, patient_id, doctor_id, title, urgency,
                                status)
SELECT id, patient_id, doctor_id, title, urgency, status
FROM temp.sample_talk ORDER BY id;

-- --- what they wrote ---------------------------------------------------------------
-- Who (patient or doctor), minutes since the line before, the words.

CREATE TEMP TABLE sample_line (id INTEGER PRIMARY KEY, talk, who, gap, body);

INSERT INTO temp.sample_line (talk, who, gap, body) VALUES
(1, 'p', 0,   'Good morning doctor. Since Sunday I have a pain in the lower right, second tooth from the back.'),
(1, 'p', 2,   'It is worse at night and when I drink something cold.'),
(1, 'd', 14,  'Good morning Mona. Thank you for writing. Does the pain stop as soon as the cold is gone, or does it stay for a while?'),
(1, 'p', 5,   'It stays. Maybe a minute, sometimes longer.'),
(1, 'd', 3,   'And hot drinks?'),
(1, 'p', 2,   'Hot tea was terrible yesterday. I had to put it away.'),
(1, 'd', 4,   'On a scale from 0 to 10, how bad is it at its worst?'),
(1, 'p', 1,   '7, I think. During the day more like 3.'),
(1, 'd', 2,   'Is there any swelling of the cheek or the gum? Any fever?'),
(1, 'p', 6,   'No fever. The gum looks a little red, but I don''t see a swelling.'),
(1, 'd', 3,   'Good. Do you take any medicine regularly, and are you allergic to anything? Penicillin for example?'),
(1, 'p', 4,   'Only something for my thyroid. I am allergic to penicillin, I got a rash from it as a child.'),
(1, 'd', 1,   'That is important, thank you. I have noted the penicillin allergy in your file.'),
(1, 'd', 2,   'Was that tooth ever filled?'),
(1, 'p', 3,   'Yes, a large filling, about six years ago.'),
(1, 'd', 5,   'From what you describe the nerve of the tooth is probably inflamed. I would like an X-ray to be sure. Until then you may take ibuprofen 400 mg, at most three times a day, with food.'),
(1, 'p', 8,   'Is ibuprofen fine together with the thyroid tablets?'),
(1, 'd', 4,   'Yes. Take the thyroid tablet in the morning as always and the ibuprofen with a meal later.'),
(1, 'p', 2,   'Thank you. When could I come for the X-ray?'),
(1, 'd', 11,  'Tomorrow at 9:30 or Thursday at 16:00?'),
(1, 'p', 3,   'Tomorrow 9:30, please. The sooner the better.'),
(1, 'd', 1,   'Booked. Please don''t chew on that side until then.'),
(1, 'p', 1,   '👍 See you tomorrow'),
(1, 'p', 780, 'Good morning, the night was bad. I slept perhaps four hours.'),
(1, 'd', 25,  'I am sorry to hear that. We will see you in an hour and find out.'),
(1, 'd', 170, 'Mona, I have looked at the X-ray again. There is decay under the old filling, and it has reached the nerve.'),
(1, 'p', 12,  'Oh no. Does that mean the tooth has to go?'),
(1, 'd', 3,   'No, I am confident we can keep it. It needs a root canal treatment, in two visits, and a crown afterwards.'),
(1, 'p', 2,   'Will it hurt?'),
(1, 'd', 4,   'You get a local anaesthetic. Most people tell me the days before were much worse than the treatment itself.'),
(1, 'p', 3,   'Okay, that calms me a little.'),
(1, 'p', 1,   'How long does a visit take?'),
(1, 'd', 5,   'The first about 75 minutes, the second about an hour. You can drive home afterwards, but please don''t eat until the numbness is gone.'),
(1, 'p', 6,   'And what will it cost? My insurance asks for a plan in writing.'),
(1, 'd', 9,   'I am writing the treatment plan now. You will see it here, with the price of each step, and can accept it when you are ready.'),
(1, 'p', 2,   'Perfect, thank you!'),
(1, 'd', 38,  'The plan is there. Please read it in peace and ask me whatever is not clear.'),
(1, 'p', 21,  'I have read it. Is the crown ceramic or metal?'),
(1, 'd', 7,   'Ceramic, in the colour of your teeth. Nobody will see which one it is.'),
(1, 'p', 4,   'And if I wait two or three weeks? I have a lot of work at the moment.'),
(1, 'd', 3,   'I would not wait. The nerve does not recover, and an infection could spread. The first visit should be this week; for the second we have time.'),
(1, 'p', 5,   'Understood. Then I would like Wednesday or Thursday, in the afternoon.'),
(1, 'd', 8,   'Thursday at 14:00 is free. Shall I keep it for you?'),

(2, 'p', 0,   'Hello, my dentist at home said both lower wisdom teeth should come out. I have the panoramic X-ray on a CD.'),
(2, 'd', 35,  'Hello James. Bring the CD along, or upload the picture here. Do they give you trouble now?'),
(2, 'p', 9,   'The left one. Every couple of months the gum swells and I can''t open my mouth properly.'),
(2, 'd', 6,   'That is typical when the tooth is only half through. Removing it is the right thing to do when it is calm, not when it is swollen.'),
(2, 'p', 3,   'It is calm at the moment.'),
(2, 'd', 2,   'Then let us do it soon. I suggest both in one appointment, so you only have one week of soup :)'),
(2, 'p', 4,   'Ha. Okay. General anaesthetic or awake?'),
(2, 'd', 7,   'Local anaesthetic is enough for yours. If you are very anxious we can add a sedation; somebody must then take you home.'),
(2, 'p', 15,  'Local is fine.'),
(2, 'd', 5,   'Are you on blood thinners, and do you smoke?'),
(2, 'p', 2,   'No and no.'),
(2, 'd', 4,   'Good. Friday the 3rd at 8:15, fasting is not necessary, please eat a proper breakfast.'),
(2, 'p', 1,   'I''ll be there.'),
(2, 'd', 4300, 'Everything went well today. Cool your cheeks for ten minutes every half hour, sleep with the head raised, no coffee, alcohol or smoking for three days.'),
(2, 'p', 240, 'Numbness is gone. It hurts but ibuprofen helps. Is a bit of blood in the saliva normal?'),
(2, 'd', 12,  'Yes, pink saliva is normal until tomorrow. If it bleeds properly, bite on a folded clean handkerchief for 30 minutes and write to me.'),
(2, 'p', 900, 'I look like a hamster this morning 😅'),
(2, 'd', 40,  'The swelling is largest on the second and third day. Keep cooling. Can you drink and swallow without trouble?'),
(2, 'p', 6,   'Yes, no trouble.'),
(2, 'd', 3,   'Then all is as it should be.'),
(2, 'p', 8600, 'A week later: no pain, I ate a pizza yesterday. Stitches still in.'),
(2, 'd', 90,  'Very good. Come by on Monday, taking them out is a matter of two minutes.'),
(2, 'p', 15,  'Thank you doctor, great work.'),

(3, 'p', 0,   'السلام عليكم دكتور'),
(3, 'p', 1,   'عندي ألم شديد في الضرس العلوي من الجهة اليسرى منذ يومين، والمسكن لم يعد ينفع.'),
(3, 'd', 22,  'وعليكم السلام أستاذة فاطمة، سلامتك. هل الألم مستمر أم يأتي ويذهب؟'),
(3, 'p', 3,   'مستمر، ويزيد عندما أستلقي.'),
(3, 'd', 4,   'هل يوجد تورم في الخد أو اللثة؟ وهل ارتفعت حرارتك؟'),
(3, 'p', 6,   'نعم، الخد متورم قليلاً منذ الصباح. الحرارة 37.8'),
(3, 'd', 2,   'هل تستطيعين فتح الفم والبلع بشكل طبيعي؟'),
(3, 'p', 2,   'أفتح فمي لكن مع ألم. البلع طبيعي.'),
(3, 'd', 3,   'هل لديك حساسية من أي دواء؟ وهل أنت حامل أو مرضعة؟'),
(3, 'p', 4,   'لا حساسية. ولست حاملاً.'),
(3, 'd', 5,   'هذه الأعراض تدل غالباً على خراج. سأراك اليوم ولا ننتظر إلى الغد.'),
(3, 'p', 3,   'متى أستطيع القدوم؟'),
(3, 'd', 6,   'الساعة الخامسة مساءً في العيادة. لا تضعي شيئاً ساخناً على الخد، واستعملي كمادات باردة.'),
(3, 'p', 2,   'سأكون هناك إن شاء الله. هل آخذ مضاداً حيوياً من الصيدلية؟'),
(3, 'd', 3,   'لا، انتظري حتى أفحصك. يمكنك أخذ باراسيتامول 1000 ملغ مرة واحدة الآن.'),
(3, 'p', 2,   'حاضر، شكراً جزيلاً'),
(3, 'd', 1310, 'صباح الخير، كيف كانت ليلتك بعد فتح الضرس أمس؟'),
(3, 'p', 25,  'صباح النور دكتور، الحمد لله نمت جيداً لأول مرة منذ ثلاثة أيام.'),
(3, 'd', 4,   'ممتاز. أكملي المضاد الحيوي حتى آخر حبة حتى لو زال الألم تماماً.'),
(3, 'p', 3,   'كم بقي من الجلسات؟'),
(3, 'd', 5,   'جلسة لتنظيف القنوات، ثم جلسة للحشو، وبعدها تلبيسة لحماية الضرس.'),
(3, 'p', 4,   'وهل يمكن أن تكون الجلسة القادمة يوم الأحد؟'),
(3, 'd', 7,   'نعم، الأحد الساعة 10:30 متاح.'),
(3, 'p', 2,   'مناسب جداً، بارك الله فيك.'),
(3, 'd', 190, 'تذكير: لا تمضغي على الجهة اليسرى حتى الجلسة القادمة.'),
(3, 'd', 1,   'وإذا عاد التورم فاكتبي لي فوراً في أي وقت.'),

(4, 'p', 0,   'Hi Dr. Weiss, I wore braces as a teenager and my lower front teeth are crooked again. Are clear aligners an option?'),
(4, 'd', 130, 'Hello Emily, very likely. Could you send me a few words about your habits: do you grind your teeth, do you play a wind instrument, do you snack often?'),
(4, 'p', 16,  'Grinding: my partner says yes, sometimes. No instrument. Snacks… more than I''d like to admit.'),
(4, 'd', 8,   'Honest answers are the best ones. Aligners must be worn 22 hours a day and come out for everything but water, so snacking becomes a bit of a ceremony.'),
(4, 'p', 3,   'Maybe that''s not even a bad side effect'),
(4, 'd', 2,   'My patients say the same :-)'),
(4, 'p', 9,   'How long would it take for just the lower front?'),
(4, 'd', 12,  'Usually four to six months, a new aligner every week or two. We scan your teeth, and you see the planned movement on the screen before you decide anything.'),
(4, 'p', 5,   'No more of that pink impression stuff?'),
(4, 'd', 2,   'No. A small camera, five minutes, no gagging.'),
(4, 'p', 4,   'Sold. Can I get the scan next week?'),
(4, 'd', 20,  'Tuesday 11:45?'),
(4, 'p', 2,   'Works for me.'),
(4, 'd', 7400, 'Your simulation is ready: 14 aligners, seven months including both arches, because the upper teeth have to make a little room.'),
(4, 'p', 55,  'That''s longer than I hoped, but the result looks fantastic.'),
(4, 'd', 10,  'We could treat the lower arch alone in five months. The bite would then be a little less exact. I honestly recommend both.'),
(4, 'p', 31,  'Let''s do both then.'),
(4, 'd', 6,   'I have put the plan in here. Once you accept it I order the first four.'),
(4, 'p', 44,  'Accepted!'),
(4, 'd', 3,   'Wonderful. They take about ten days.'),
(4, 'p', 2600, 'First day with number 1. I lisp like a cartoon character.'),
(4, 'd', 15,  'That goes away within two or three days. Reading aloud for ten minutes helps a lot.'),
(4, 'p', 9,   'Poor cat has to listen to the newspaper now 🐈'),

(5, 'p', 0,   'مساء الخير دكتور عمر، أرغب في تبييض أسناني. هل يضر التبييض بالمينا؟'),
(5, 'd', 65,  'مساء النور أخ خالد. إذا تم تحت إشراف الطبيب وبالتركيز الصحيح فلا يضر.'),
(5, 'p', 7,   'ما الفرق بين التبييض في العيادة والتبييض المنزلي؟'),
(5, 'd', 9,   'في العيادة تظهر النتيجة في جلسة واحدة، وفي المنزل خلال أسبوعين باستعمال قوالب خاصة. النتيجة النهائية متقاربة.'),
(5, 'p', 4,   'أشرب القهوة كثيراً، هل يستمر التأثير؟'),
(5, 'd', 3,   'القهوة والشاي والتدخين تقصر المدة. عادة يدوم التأثير سنة إلى سنتين.'),
(5, 'p', 6,   'لدي حشوة في السن الأمامي، هل يتغير لونها؟'),
(5, 'd', 5,   'سؤال مهم. الحشوات لا تبيض، وقد نحتاج إلى تبديل الحشوة بعد التبييض لتطابق اللون.'),
(5, 'p', 2,   'فهمت. أفضل الطريقة المنزلية إذن.'),
(5, 'd', 4,   'جيد. نبدأ بتنظيف الجير ثم نأخذ طبعة للقوالب. هل يناسبك الثلاثاء الساعة 6؟'),
(5, 'p', 3,   'يناسبني.'),
(5, 'd', 4600, 'القوالب جاهزة، يمكنك استلامها في أي وقت اليوم.'),
(5, 'p', 30,  'شكراً، سأمر بعد الدوام.'),
(5, 'p', 10100, 'دكتور، مضى أسبوع والنتيجة واضحة، لكن أشعر بحساسية خفيفة.'),
(5, 'd', 18,  'هذا طبيعي. استعمل القالب يوماً بعد يوم، واستخدم معجوناً للأسنان الحساسة.'),
(5, 'p', 5600, 'انتهيت اليوم. النتيجة رائعة والحساسية ذهبت. شكراً لك.'),
(5, 'd', 25,  'مبارك! أراك بعد ستة أشهر للفحص الدوري.'),

(6, 'p', 0,   'Hello, I fell off my bike an hour ago and a corner of my upper front tooth broke off!'),
(6, 'd', 6,   'I am sorry Daniel. First: did you hit your head, were you unconscious, do you feel sick?'),
(6, 'p', 2,   'No, I had a helmet. Just the lip and the tooth.'),
(6, 'd', 1,   'Good. Do you have the piece?'),
(6, 'p', 1,   'Yes! It was on the road.'),
(6, 'd', 1,   'Put it into milk or a little water, not into a tissue. We can often glue it back on.'),
(6, 'p', 2,   'It''s in a glass of milk in the fridge now.'),
(6, 'd', 2,   'Perfect. Is the tooth loose when you touch it gently? Can you see a red or pink spot in the middle of the break?'),
(6, 'p', 4,   'Not loose I think. There might be a tiny pink spot, hard to see in the mirror.'),
(6, 'd', 2,   'Then I want to see you today. A pink spot means the nerve is close. Can you be here at 17:30?'),
(6, 'p', 1,   'Yes, my wife drives me.'),
(6, 'd', 2,   'Nothing cold or hot until then, and something cool on the lip from outside.'),
(6, 'd', 1150, 'How is it this morning? The piece sits very well, I am happy with how it turned out.'),
(6, 'p', 70,  'Honestly you can''t see a line. My wife couldn''t tell which tooth it was.'),
(6, 'd', 4,   'That is the nicest thing one can say to a dentist.'),
(6, 'p', 6,   'It''s a bit sensitive when I breathe in through the mouth.'),
(6, 'd', 5,   'Expected for a week or two. What I want to know at once: pain that wakes you up, a tooth that turns grey, or a pimple on the gum above it.'),
(6, 'p', 3,   'Okay. Can I bite into an apple?'),
(6, 'd', 3,   'Cut it into pieces for the next months, please. The glued piece is strong, but not as strong as before.'),
(6, 'p', 2,   'Will do'),
(6, 'd', 5,   'We test the nerve in four weeks, then in three months. I have sent the dates to your mail.'),
(6, 'p', 240, 'Got them. One more question: do I need a mouth guard for cycling?'),

(7, 'p', 0,   'مرحباً دكتور سامي، أفكر في تقويم الأسنان وعمري 31 سنة. هل فات الأوان؟'),
(7, 'd', 180, 'أهلاً سارة، لا يوجد عمر متأخر للتقويم ما دامت اللثة والعظم بصحة جيدة.'),
(7, 'p', 6,   'الحمد لله. أسناني السفلية متزاحمة، والعلوية بارزة قليلاً.'),
(7, 'd', 4,   'هل أجريت صورة بانورامية خلال السنة الماضية؟'),
(7, 'p', 3,   'لا، آخر صورة كانت قبل خمس سنوات.'),
(7, 'd', 7,   'إذن نحتاج صورة جديدة وفحصاً للثة أولاً.'),
(7, 'p', 2,   'هل يمكن أن يكون التقويم شفافاً؟ عملي فيه مقابلات كثيرة.'),
(7, 'd', 5,   'من الوصف أظن أن التقويم الثابت الخزفي أنسب، لأن الحركة المطلوبة كبيرة. لونه قريب من لون السن.'),
(7, 'p', 8,   'وكم تستغرق المدة؟'),
(7, 'd', 3,   'بين 14 و 20 شهراً تقريباً.'),
(7, 'p', 12,  'المدة طويلة، لكن أظن أنها تستحق.'),
(7, 'd', 2900, 'سارة، الصورة ممتازة ولا حاجة لخلع أي سن. أرسلت لك الخطة والتكلفة.'),
(7, 'p', 200, 'شكراً دكتور. التكلفة أعلى مما توقعت، هل يوجد تقسيط؟'),
(7, 'd', 45,  'نعم، دفعة أولى 30% والباقي على 12 شهراً. عدلت الخطة وأرسلتها من جديد.'),
(7, 'p', 90,  'جيد جداً. سأستشير زوجي وأرد عليك غداً.'),
(7, 'd', 6,   'خذي وقتك، لا داعي للعجلة.'),
(7, 'p', 1400, 'استشرت زوجي، وعندي سؤال أخير: هل يؤثر التقويم على الحمل لو حصل أثناء العلاج؟'),

(8, 'p', 0,   'مرحباً دكتور، لثتي تنزف كلما فرشت أسناني منذ شهر تقريباً.'),
(8, 'd', 95,  'أهلاً ريم. هل النزيف في مكان واحد أم في كل الفم؟'),
(8, 'p', 4,   'في أكثر من مكان، خصوصاً الأسنان الأمامية السفلية.'),
(8, 'd', 3,   'متى كان آخر تنظيف للجير؟'),
(8, 'p', 2,   'بصراحة… قبل ثلاث سنوات 🙈'),
(8, 'd', 4,   'لا مشكلة، المهم أننا نبدأ الآن. هل تدخنين؟ وهل لديك سكري؟'),
(8, 'p', 3,   'لا أدخن. والدتي عندها سكري لكن أنا لم أفحص.'),
(8, 'd', 6,   'أنصحك بفحص سكر صائم، فالسكري يزيد التهاب اللثة. وفي العيادة نعمل تنظيفاً عميقاً على جلستين.'),
(8, 'p', 5,   'هل أتوقف عن تفريش المكان الذي ينزف؟'),
(8, 'd', 2,   'بالعكس! استمري بفرشاة ناعمة وبلطف، والخيط كل مساء. النزيف يقل خلال أسبوع إلى أسبوعين.'),
(8, 'p', 3,   'حسناً. متى أقرب موعد؟'),
(8, 'd', 15,  'الاثنين الساعة 4:15.'),
(8, 'p', 4,   'ممتاز'),
(8, 'p', 5700, 'دكتور، عملت فحص السكر: 91. طبيعي؟'),
(8, 'd', 50,  'طبيعي تماماً، الحمد لله.'),
(8, 'd', 3,   'كيف اللثة بعد الجلسة الأولى؟'),
(8, 'p', 30,  'أفضل بكثير، النزيف شبه اختفى.'),
(8, 'p', 1,   'لكن أشعر بفراغات صغيرة بين الأسنان لم تكن موجودة.'),
(8, 'p', 2,   'هل هذا بسبب التنظيف؟'),

(9, 'p', 0,   'Dr. Weiss, my jaw is tired every morning and my wife says I grind so loudly that she wakes up.'),
(9, 'd', 240, 'Hello James, then both of you need a night guard. Do you have headaches, mostly at the temples?'),
(9, 'p', 11,  'Yes, two or three mornings a week.'),
(9, 'd', 5,   'Does the jaw click, or does it ever get stuck?'),
(9, 'p', 4,   'Clicks on the right. Never stuck.'),
(9, 'd', 8,   'A hard acrylic splint for the upper jaw, worn at night, protects the teeth and lets the muscles rest. It takes two short visits.'),
(9, 'p', 3,   'I saw soft ones for 20 dollars online. Any good?'),
(9, 'd', 6,   'The soft ones often make people chew on them even more. I would not.'),
(9, 'p', 2,   'Fair enough.'),
(9, 'd', 2,   'Monday 8:00 for the scan?'),
(9, 'p', 1,   'OK'),
(9, 'd', 11500, 'How are the first nights?'),
(9, 'p', 300, 'Strange the first two, now I don''t notice it any more. And no headache this week!'),
(9, 'd', 20,  'Lovely. Brush it with soap, not with toothpaste, and bring it to every check-up.'),
(9, 'p', 5,   'Will do, thanks a lot.'),

(10, 'p', 0,  'Hello Dr. Weiss, my sister marries in seven weeks and I would love to have my teeth whitened before.'),
(10, 'd', 320, 'How nice! Seven weeks is comfortable. Dr. Khalil treats one of your lower teeth at the moment, doesn''t he? We should wait until that is calm.'),
(10, 'p', 7,  'Yes, a root canal probably. Does it get in the way?'),
(10, 'd', 9,  'Not if we plan it: first the root canal, then whitening, and the crown last, so that its colour can match.'),
(10, 'p', 4,  'Oh, I would never have thought of the order.'),
(10, 'd', 3,  'That''s what we are here for. Home whitening takes two weeks, so we start at the latest four weeks before the wedding.'),
(10, 'p', 5,  'Is it a problem that I have sensitive teeth?'),
(10, 'd', 6,  'We take a mild gel and make breaks. If it hurts we stop; nobody has to suffer for a photo.'),
(10, 'p', 2,  'Good :) And the price?'),
(10, 'd', 12, 'I put a plan in here for you, it includes the trays and a refill for next year.'),
(10, 'p', 26, 'Thank you. I''ll decide as soon as I know when the root canal is finished.'),
(10, 'd', 40, 'Of course. I will ask Dr. Khalil to tell me when he is done, if that is all right with you?'),
(10, 'd', 1,  'Then you don''t have to carry messages between us.'),

(11, 'p', 0,  'Doctor, the tooth you filled in spring started throbbing last night. I''m at work and can''t concentrate.'),
(11, 'd', 11, 'Emily, that sounds like the nerve. Can you come at 12:30? I''ll skip lunch.'),
(11, 'p', 1,  'You''re an angel, yes'),
(11, 'd', 210, 'How do you feel now that the nerve is out?'),
(11, 'p', 14, 'Numb and happy. The throbbing is completely gone.'),
(11, 'd', 3,  'When the numbness wears off it may be sore for a day, like a bruise. Ibuprofen if you need it.'),
(11, 'p', 2,  'Thanks. When do we go on?'),
(11, 'd', 5,  'Next Wednesday, 8:30, cleaning and filling the canals. The temporary filling holds until then; if it falls out, write to me.'),
(11, 'p', 1,  '👍'),
(11, 'p', 5200, 'Small update: a bit of the temporary filling crumbled.'),
(11, 'd', 35, 'Any pain? Is there a hole, or only an edge missing?'),
(11, 'p', 6,  'Only an edge, no pain.'),
(11, 'd', 2,  'Then it can wait until Wednesday. Chew on the other side.'),
(11, 'd', 7100, 'The final X-ray looks excellent, all three canals are filled to the tip.'),
(11, 'p', 22, 'Great news. Is it done then?'),
(11, 'd', 4,  'With the roots, yes. The tooth is brittle now and should get a crown within half a year.'),
(11, 'p', 8,  'I''ll come back to that after my holiday. Thank you so much!'),

(12, 'p', 0,  'مرحباً دكتورة، ابني عمره ثلاث سنوات. متى يجب أن يرى طبيب الأسنان أول مرة؟'),
(12, 'd', 400, 'Hello Fatima, now is a very good time. Do you mind if I answer in English? I understand Arabic better than I write it.'),
(12, 'p', 5,  'No problem at all, my English is okay :)'),
(12, 'd', 4,  'Wonderful. The first visit is only for getting to know each other: he may ride in the chair and count his teeth with me.'),
(12, 'p', 3,  'He is a little afraid of doctors since his vaccination.'),
(12, 'd', 5,  'Very common. Please don''t say "it won''t hurt", then he thinks of pain. Say we are going to count teeth.'),
(12, 'p', 4,  'Good idea. He still drinks milk from the bottle at night, is that bad?'),
(12, 'd', 6,  'Milk at night stays on the teeth for hours, so yes. Try water in the bottle; give him a week or two to get used to it.'),
(12, 'p', 2,  'That will be a fight 😅'),
(12, 'd', 2,  'You have my full support.'),
(12, 'p', 9,  'Can we come on Saturday?'),
(12, 'd', 30, 'Saturday at 10:00, and bring his favourite stuffed animal. It gets a check-up too.'),
(12, 'p', 3,  'He will love that.'),
(12, 'd', 5800, 'Your son was very brave, and the rabbit too. All twenty teeth are healthy.'),
(12, 'p', 60, 'He tells everybody that the doctor counted twenty! شكراً جزيلاً'),
(12, 'd', 10, 'See you both in six months.'),

(13, 'p', 0,  'Hi Dr. Khalil, the gap where the premolar was pulled last year bothers me when I eat. Would an implant work?'),
(13, 'd', 150, 'Hello Daniel. Most likely. We need a three-dimensional X-ray to see how much bone is left after a year.'),
(13, 'p', 8,  'What happens if there isn''t enough?'),
(13, 'd', 6,  'Then we add bone substitute in the same operation, or a few months before. Or we make a bridge instead.'),
(13, 'p', 5,  'Bridge means grinding the neighbours down?'),
(13, 'd', 2,  'Exactly, and yours are healthy. That''s why I prefer the implant for you.'),
(13, 'p', 4,  'Me too. I do smoke though, about five a day.'),
(13, 'd', 5,  'Thank you for saying so. Smoking doubles the risk that the implant doesn''t heal in. Could you stop two weeks before until eight weeks after?'),
(13, 'p', 17, 'I wanted to stop anyway. Let''s say this is my reason.'),
(13, 'd', 2,  'I''ll remind you of that sentence, in a friendly way.'),
(13, 'p', 1,  'Please do :)'),
(13, 'd', 2800, 'The scan shows 9 mm of height and enough width. No extra bone needed.'),
(13, 'p', 40, 'Finally something goes my way.'),
(13, 'd', 15, 'The plan: implant in March, three months of healing, then the crown. You''ll find everything in the plan I submitted.'),
(13, 'p', 120, 'Looks clear. Can I pay in two parts?'),
(13, 'd', 25, 'Of course, half with the implant, half with the crown.'),
(13, 'p', 30, 'Then I''ll talk to my insurance this week and accept it afterwards.'),
(13, 'd', 5,  'Take your time. And: day one without cigarettes?'),
(13, 'p', 10, 'Day three! 💪'),

(14, 'p', 0,  'السلام عليكم، أشعر بألم سريع كالكهرباء عند شرب الماء البارد.'),
(14, 'd', 45, 'وعليكم السلام خالد. هل الألم في سن واحد أم في عدة أسنان؟'),
(14, 'p', 5,  'في عدة أسنان، أكثرها في الجهة اليمنى.'),
(14, 'd', 4,  'وكم يدوم؟'),
(14, 'p', 1,  'ثانيتين ثم يختفي.'),
(14, 'd', 6,  'هذا أقرب إلى حساسية في أعناق الأسنان. هل تفرش بقوة؟ وهل انتهيت من التبييض قريباً؟'),
(14, 'p', 3,  'نعم أفرش بقوة، وأنهيت التبييض قبل أسبوع تقريباً.'),
(14, 'd', 5,  'إذن السبب واضح. فرشاة ناعمة، حركة دائرية بلا ضغط، ومعجون للأسنان الحساسة مرتين في اليوم.'),
(14, 'p', 4,  'هل أترك المعجون على الأسنان؟'),
(14, 'd', 2,  'نعم، ابصقه ولا تتمضمض بالماء بعده.'),
(14, 'p', 2,  'معلومة جديدة علي، شكراً'),
(14, 'd', 3,  'جرب ذلك أسبوعين. إن لم تتحسن نضع طبقة فلورايد في العيادة.'),
(14, 'p', 8700, 'تحسنت كثيراً، بقي سن واحد فقط.'),
(14, 'd', 70, 'جيد. أريد أن أرى هذا السن، فقد يكون فيه شرخ صغير. متى يناسبك؟'),

(15, 'p', 0,  'دكتور عمر، فقدت سناً أمامياً في حادث قبل سنة وأستعمل طقماً متحركاً. أريد زراعة.'),
(15, 'd', 210, 'أهلاً سارة، سلامتك. الزراعة ممكنة غالباً، ونحتاج صورة مقطعية أولاً.'),
(15, 'p', 4,  'هل أبقى بدون سن أثناء العلاج؟'),
(15, 'd', 3,  'أبداً. تستعملين الطقم الحالي أو سناً مؤقتاً مثبتاً حتى تكتمل الزرعة.'),
(15, 'p', 2,  'الحمد لله، كان هذا أكبر خوفي.'),
(15, 'd', 5,  'أفهمك تماماً. هل تأخذين أي أدوية، خصوصاً لهشاشة العظام؟'),
(15, 'p', 3,  'لا، فيتامين د فقط.'),
(15, 'd', 2,  'ممتاز.'),
(15, 'p', 15, 'والدكتور سامي يحضر لي تقويماً، هل يتعارض مع الزراعة؟'),
(15, 'd', 12, 'سؤال ممتاز! نحرك الأسنان أولاً ونفتح المسافة، ثم نزرع في آخر التقويم. سأتفق معه على الترتيب.'),
(15, 'p', 5,  'ريحتني، شكراً لكما.'),
(15, 'd', 3000, 'تكلمت مع الدكتور سامي: الزراعة بعد عشرة أشهر من بدء التقويم. الخطة عندك.'),
(15, 'p', 60, 'قبلت الخطة.'),
(15, 'd', 5,  'على بركة الله.'),

(16, 'p', 0,  'مرحبا دكتورة، ضاع مثبت الأسنان أثناء السفر 😭'),
(16, 'd', 90, 'Oh no! How long have you been without it?'),
(16, 'p', 4,  'Ten days. I think the front teeth have moved already.'),
(16, 'd', 3,  'After ten days only a little. When did the braces come off?'),
(16, 'p', 2,  'Two years ago. I wore it every night, I promise.'),
(16, 'd', 5,  'I believe you. Do you still have the old one, from the first year?'),
(16, 'p', 8,  'Yes! It fits but it is tight.'),
(16, 'd', 2,  'Wear that one, day and night, until the new one is here. Tight is fine, pain is not.'),
(16, 'p', 3,  'Okay. When can I come for the new one?'),
(16, 'd', 25, 'Thursday 17:15 for the scan; it is ready a week later.'),
(16, 'p', 2,  'Thank you, you saved my smile'),
(16, 'd', 4,  'Next time it travels in the box, not in a napkin ;-)'),

(17, 'p', 0,  'Hello doctor, another dentist wants to crown my lower molar because of a crack. He says 1,400. I''d like a second opinion.'),
(17, 'd', 500, 'Hello Mr. Carter. A second opinion is always reasonable. Do you have pain when you bite on something hard, or when you let go?'),
(17, 'p', 7,  'When I let go. Only on that tooth.'),
(17, 'd', 6,  'That is a classic sign of a crack. Did he take a photo of it?'),
(17, 'p', 5,  'Yes, you can see a dark line across the tooth.'),
(17, 'd', 4,  'Then his advice is sound: without a cover the crack gets deeper, and one day the tooth splits.'),
(17, 'p', 3,  'Would a normal filling not do?'),
(17, 'd', 8,  'A filling is like a wedge in a log. What one can do instead of a full crown is an onlay, which covers the cusps and removes less of the tooth.'),
(17, 'p', 4,  'Is it cheaper?'),
(17, 'd', 3,  'About the same. The advantage is that more of your own tooth remains.'),
(17, 'p', 11, 'Would you do it?'),
(17, 'd', 5,  'I would want to see the tooth first, with a magnifying lens. 20 minutes, and I tell you openly if the crown is better.'),
(17, 'p', 4,  'That''s fair. Next week?'),
(17, 'd', 30, 'Wednesday 13:00.'),
(17, 'p', 2,  'See you then.'),

(18, 'p', 0,  'Hello, it is time for my yearly check-up, I think.'),
(18, 'd', 300, 'Hello Mona, it is indeed. Anything that bothers you?'),
(18, 'p', 12, 'No, all good. Maybe some tea stains.'),
(18, 'd', 4,  'We polish them off. The 12th at 15:30?'),
(18, 'p', 2,  'Yes please.'),
(18, 'd', 7300, 'All fine today. One old filling, lower right, has a gap at the edge. I''d like to replace it within the year.'),
(18, 'p', 40, 'Is it urgent?'),
(18, 'd', 5,  'No. But if that tooth reacts to cold, tell me at once.'),
(18, 'p', 2,  'I will. Thank you!'),

(20, 'p', 0,  'مرحباً، أريد موعداً لتنظيف الأسنان يوم الخميس.'),
(20, 'd', 120, 'أهلاً ريم، الخميس الساعة 3:00 متاح.'),
(20, 'p', 5,  'ممتاز، أكد لي الموعد من فضلك.'),
(20, 'd', 3,  'تم التأكيد.'),
(20, 'p', 1500, 'دكتور، آسفة جداً، طرأ سفر ولا أستطيع الحضور. سأطلب موعداً جديداً لاحقاً.'),
(20, 'd', 20, 'لا بأس، رحلة سعيدة.');

-- A line's time: back from the last one by the gaps in between. From the oldest to
-- the newest, so that ids rise with time as they do in life. Each was read a few
-- minutes later, but never after the answer that followed it.
CREATE TEMP TABLE sample_time AS
SELECT l.id, l.talk, l.who, l.body,
       t.ago + coalesce(sum(l.gap) OVER (
           PARTITION BY l.talk ORDER BY l.id
           ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING), 0) AS ago,
       lead(l.gap) OVER (PARTITION BY l.talk ORDER BY l.id) AS until_next,
       row_number() OVER (PARTITION BY l.talk ORDER BY l.id DESC) AS from_end,
       t.patient_id, t.doctor_id, t.unread
FROM temp.sample_line l
JOIN temp.sample_talk t ON t.id = l.talk;

INSERT INTO messages (from_user_id, to_user_id, request_id, body, type, read_at,
                      created_at, updated_at)
SELECT CASE who WHEN 'p' THEN patient_id ELSE doctor_id END,
       CASE who WHEN 'p' THEN doctor_id ELSE patient_id END,
       talk, body, 'text',
       CASE WHEN from_end > unread THEN
           strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                    '+' || (id * 7919 % 40) || ' seconds',
                    '+' || (min(coalesce(until_next, 4), 4) * 15) || ' seconds')
       END,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                '+' || (id * 7919 % 40) || ' seconds'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || ago || ' minutes',
                '+' || (id * 7919 % 40) || ' seconds')
FROM temp.sample_time
ORDER BY ago DESC, id;

-- --- treatment plans ---------------------------------------------------------------

INSERT INTO treatment_plans (treatment_request_id, doctor_id, title, description,
                             status, price_cents, currency, duration_days,
                             created_at, updated_at)
SELECT column1, column2, column3, column4, column5, column6, 'USD', column7,
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || column8 || ' minutes'),
       strftime('%Y-%m-%d %H:%M:%f', 'now', '-' || column8 || ' minutes')
FROM (VALUES
(1,  2,  'Root canal and crown, tooth 46',
 'Root canal treatment in two visits, build-up, ceramic crown. X-rays included.',
 'submitted', 124000, 30, 54),
(2,  2,  'Removal of both lower wisdom teeth',
 'One visit under local anaesthetic, follow-up and stitches included.',
 'accepted', 68000, 10, 30500),
(4,  10, 'Clear aligners, both arches',
 '14 aligners each, refinement if needed, retainer for both arches.',
 'accepted', 319000, 210, 2910),
(6,  10, 'Follow-up after trauma, tooth 11',
 'Sensitivity tests after four weeks and three months, X-ray if needed.',
 'draft', 9000, 90, 350),
(7,  2,  'تقويم ثابت خزفي',
 'تقويم للفكين، يشمل المتابعة الشهرية والمثبت.',
 'rejected', 360000, 540, 3230),
(7,  2,  'تقويم ثابت خزفي بالتقسيط',
 'تقويم للفكين، دفعة أولى 30% والباقي على 12 شهراً.',
 'submitted', 360000, 540, 2990),
(10, 10, 'Home whitening',
 'Individual trays, mild gel for two weeks, one refill.',
 'submitted', 29000, 14, 1400),
(11, 2,  'Root canal, tooth 26',
 'Three canals in two visits, temporary and final filling.',
 'accepted', 71000, 14, 42400),
(13, 2,  'Implant and crown, tooth 35',
 'Implant, three months of healing, abutment and ceramic crown.',
 'submitted', 215000, 120, 3060),
(15, 11, 'زراعة سن أمامي',
 'زرعة مع سن مؤقت وتاج خزفي، بالتنسيق مع خطة التقويم.',
 'accepted', 198000, 365, 770)
);

-- --- as if it had happened -----------------------------------------------------------
-- The counters are right already; times and the log are of this minute. What is
-- long past is no news: the log starts empty, and its ids go on where they were.

UPDATE treatment_requests SET
    created_at = strftime('%Y-%m-%d %H:%M:%f',
        coalesce((SELECT min(created_at) FROM messages
                  WHERE request_id = treatment_requests.id),
                 strftime('%Y-%m-%d %H:%M:%f', 'now', '-50 minutes')),
        '-5 minutes'),
    updated_at =
        coalesce((SELECT max(created_at) FROM messages
                  WHERE request_id = treatment_requests.id),
                 strftime('%Y-%m-%d %H:%M:%f', 'now', '-55 minutes'));
DELETE FROM chat_events;

DROP TABLE temp.sample_person;
DROP TABLE temp.sample_talk;
DROP TABLE temp.sample_line;
DROP TABLE temp.sample_time;

COMMIT;
