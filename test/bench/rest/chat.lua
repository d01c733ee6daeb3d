-- SPDX-License-Identifier: Apache-2.0
--
-- What wrk sends: as a random member of a random conversation, or given paths.
--
--   wrk -t1 -c16 -d8s -s chat.lua URL -- post|get PICKS
--   wrk -t1 -c1  -d3s -s chat.lua URL -- paths FILE     lines: path TAB token
--
-- PICKS has lines: conversation TAB patient's token TAB doctor's token. The line
-- that starts with RESULT carries the run as JSON.
local picks, mode, n = {}, "get", 0
local body = '{"message":"hello doctor, the pain is back since yesterday morning, upper left molar \\u2014 what should I take?","type":"text"}'
local threads = {}

function setup(t)
  t:set("tid", #threads + 1)
  table.insert(threads, t)
end

function init(args)
  mode, good, bad, sample = args[1], 0, 0, ""
  math.randomseed(os.time() * 1000 + tid * 7919)
  for l in io.lines(args[2]) do
    local f = {}
    for x in l:gmatch("[^\t]+") do f[#f + 1] = x end
    picks[#picks + 1] = f
  end
end

function request()
  local k
  if mode == "paths" then
    n = n % #picks + 1
    k = picks[n]
    return wrk.format("GET", k[1], { Authorization = "Bearer " .. k[2], Accept = "application/json" })
  end
  k = picks[math.random(#picks)]
  local h = { Authorization = "Bearer " .. k[1 + math.random(2)], Accept = "application/json" }
  if mode == "post" then
    h["Content-Type"] = "application/json"
    return wrk.format("POST", "/chat/conversation/" .. k[1] .. "/message", h, body)
  end
  return wrk.format("GET", "/chat/conversation/" .. k[1] .. "/messages?page=1&per_page=20", h)
end

function response(status, headers, b)
  if status == (mode == "post" and 201 or 200) then
    good = good + 1
  else
    bad = bad + 1
    if sample == "" then sample = status .. " " .. b:sub(1, 200) end
  end
end

function done(s, lat)
  local good, bad, sample = 0, 0, ""
  for _, t in ipairs(threads) do
    good = good + t:get("good")
    bad = bad + t:get("bad")
    if sample == "" then sample = t:get("sample") end
  end
  local e = s.errors
  if sample ~= "" then io.write("SAMPLE " .. sample .. "\n") end
  io.write(string.format('RESULT {"requests":%d,"rps":%.1f,"p50":%.3f,"p99":%.3f,"max":%.3f,"good":%d,"bad":%d,"sock":%d}\n',
    s.requests, s.requests / s.duration * 1e6, lat:percentile(50) / 1000, lat:percentile(99) / 1000,
    lat.max / 1000, good, bad, e.connect + e.read + e.write + e.timeout))
end
