// The look of the page of scenario_html.h. Colours are told apart with the common forms of colour blindness, by day
// and by night; series have markers and dashes besides, and parts differ in lightness.
#pragma once

#include <string_view>

namespace cairn {

inline constexpr std::string_view kScenarioStyle = R"css(
:root{color-scheme:light dark;--paper:#f8f8f5;--card:#ffffff;--ink:#1b2025;--soft:#59636e;--rule:#dcdfe2;--grid:#e9ebed;
--good:#0b6b4f;--bad:#b02a12;--badpaper:#fdf0ec;
--s0:#414a53;--s1:#c26a00;--s2:#1f6fc4;--s3:#a13d8c;--s4:#00805e;--s5:#8a5a2b;--s6:#3d8fc4;--s7:#20252b;
--p0:#123f6d;--p1:#2f7dbd;--p2:#8cc3e8;--p3:#5fb39c;--p4:#2c7f6b;--p5:#b3a4d6;--p6:#7d6bb0;--p7:#e59a2f}
@media (prefers-color-scheme:dark){:root{--paper:#121519;--card:#191d22;--ink:#e9ecef;--soft:#a3adb8;--rule:#30373f;
--grid:#262c33;--good:#5fd0a5;--bad:#ff9a80;--badpaper:#33201b;
--s0:#d5dbe1;--s1:#e89020;--s2:#4a9ff5;--s3:#e58fd0;--s4:#4ec9a0;--s5:#cfa57a;--s6:#9ed5f5;--s7:#f2f4f6;
--p0:#2a63a0;--p1:#4d9bdb;--p2:#a9d5f2;--p3:#7fcdb7;--p4:#3f9b85;--p5:#c9bdea;--p6:#9484c6;--p7:#f0ad4e}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,
"Helvetica Neue","Noto Sans","Liberation Sans",Arial,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1120px;margin:0 auto;padding:clamp(24px,5vw,64px) clamp(16px,4vw,40px)}
h1{font-size:clamp(1.55rem,3.6vw,2.5rem);line-height:1.18;letter-spacing:-.018em;font-weight:650;margin:.35em 0 .5em;
max-width:26em;text-wrap:balance;overflow-wrap:anywhere}
h2{font-size:1.22rem;letter-spacing:-.008em;font-weight:640;margin:0 0 .3em}
h3{font-size:1rem;font-weight:640;margin:0}
p{margin:0 0 .7em;max-width:44em;overflow-wrap:anywhere}
section{margin-top:clamp(36px,5vw,60px)}
.over{color:var(--soft);font-size:.875rem;margin:0}time{white-space:nowrap}
.lede{font-size:1.09rem;color:var(--soft)}
.note{color:var(--soft);font-size:.9rem}
.warn{border-left:4px solid var(--bad);background:var(--badpaper);padding:.75em 1em;border-radius:0 8px 8px 0;
margin:1.1em 0;max-width:none}
.warn ul,.lines{margin:.4em 0 0;padding-left:1.2em;overflow-wrap:anywhere;font-size:.9rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:1px;margin:1.8em 0 0;
background:var(--rule);
border:1px solid var(--rule);border-radius:12px;overflow:hidden}
.tiles:has(div:only-child){max-width:300px}.tiles div{background:var(--card);padding:14px 18px 16px}
.tiles dt{color:var(--soft);font-size:.85rem}
.tiles dd{margin:.1em 0 0;font-size:1.72rem;line-height:1.2;font-weight:620;letter-spacing:-.02em}
.tiles small{display:block;font-size:.82rem;font-weight:400;letter-spacing:0;color:var(--soft);margin-top:.35em}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:18px;margin-top:1em}
figure{margin:0;background:var(--card);border:1px solid var(--rule);border-radius:12px;padding:18px 18px 14px;
min-width:0;display:flex;flex-direction:column}
figcaption p{color:var(--soft);font-size:.875rem;margin:.1em 0 .6em}
figure>svg{display:block;width:100%;height:auto;margin-top:auto;overflow:visible}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:3px 16px;margin:0 0 .9em;padding:0;font-size:.85rem}
.legend li{display:flex;align-items:center;gap:7px;min-width:0;overflow-wrap:anywhere;line-height:1.35}
.swatch{width:34px;height:12px;flex:none;overflow:visible}.swatch.box{width:14px}
svg text{font-size:12.5px;fill:var(--soft);font-family:inherit}
.end{text-anchor:end}.middle{text-anchor:middle}
.axis{stroke:var(--soft);stroke-width:1;opacity:.75}.grid{stroke:var(--grid);stroke-width:1}
.line{fill:none;stroke:var(--c);stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.mark{fill:var(--c);stroke:var(--card);stroke-width:1.3;stroke-linejoin:round}
.s0{--c:var(--s0)}.s1{--c:var(--s1)}.s2{--c:var(--s2)}.s3{--c:var(--s3)}
.s4{--c:var(--s4)}.s5{--c:var(--s5)}.s6{--c:var(--s6)}.s7{--c:var(--s7)}
.s1 .line{stroke-dasharray:7 4}.s3 .line{stroke-dasharray:1.5 4.5}.s4 .line{stroke-dasharray:10 4 2 4}
.s5 .line{stroke-dasharray:3 3}.s6 .line{stroke-dasharray:14 5}.s7 .line{stroke-dasharray:6 3 1 3 1 3}
.part{stroke:var(--card);stroke-width:.8}
.p0{fill:var(--p0)}.p1{fill:var(--p1)}.p2{fill:var(--p2)}.p3{fill:var(--p3)}
.p4{fill:var(--p4)}.p5{fill:var(--p5)}.p6{fill:var(--p6)}.p7{fill:var(--p7)}
.wide{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:12px;margin-top:.8em}
.wide:focus-visible{outline:2px solid var(--s2);outline-offset:2px}
table{border-collapse:collapse;width:100%;font-size:.9rem;line-height:1.4}
caption{text-align:left;padding:14px 12px 8px;color:var(--soft);font-size:.875rem;caption-side:top}
caption div{position:sticky;left:12px;width:fit-content;max-width:min(100%,calc(100vw - 60px))}
caption strong{display:block;color:var(--ink);font-size:1rem;font-weight:640}
th,td{padding:6px 12px;text-align:right;white-space:nowrap;font-weight:400}
th:first-child,td.text{text-align:left}
thead th{white-space:normal;color:var(--soft);font-size:.82rem;vertical-align:bottom;
border-bottom:1px solid var(--rule);line-height:1.3}
thead th[colspan]{text-align:left;border-bottom:0;padding-bottom:0;color:var(--ink);font-weight:600}
tbody th{white-space:normal;min-width:13em;max-width:22em;overflow-wrap:anywhere;position:sticky;left:0;
background:var(--card)}
tbody th .swatch{vertical-align:-1px;margin-right:9px;width:26px}
tbody+tbody tr:first-child th,tbody+tbody tr:first-child td{border-top:1px solid var(--rule)}
tr.group th{text-align:left;font-weight:640;padding-top:12px;max-width:none}
tr.group span{font-weight:400;color:var(--soft);margin-left:.6em}
tr:last-child td,tr:last-child th{padding-bottom:11px}
thead tr:last-child th{padding-bottom:6px}
.lead{font-weight:640}.rel{color:var(--soft)}td.ratio{width:1%;padding-left:0}
.good{color:var(--good)}.bad{color:var(--bad);font-weight:640}
.facts{display:grid;grid-template-columns:minmax(8em,max-content) minmax(0,1fr);gap:5px 26px;margin:.8em 0 0;
font-size:.92rem}
.facts dt{color:var(--soft);overflow-wrap:anywhere}.facts dd{margin:0;overflow-wrap:anywhere}
footer{margin-top:56px;padding-top:18px;border-top:1px solid var(--rule);color:var(--soft);font-size:.875rem}
footer p{max-width:60em}
@media screen and (min-width:521px) and (max-width:935px){figure>svg text{font-size:9.5px}}
@media screen and (max-width:520px){
figure{padding:14px 12px 12px}th,td{padding:6px 10px}.facts{grid-template-columns:1fr;gap:0}
.facts dd{margin-bottom:.7em}.tiles{grid-template-columns:1fr 1fr}.tiles div{padding:11px 14px 12px}
.tiles dd{font-size:1.45rem}svg text{font-size:15px}
tbody th{min-width:8.5em;max-width:10em}tbody th .swatch{display:none}
tr.group th{max-width:none}}
@media print{:root{color-scheme:light;--paper:#fff;--card:#fff;--ink:#000;--soft:#444;--rule:#bbb;--grid:#ddd;
--good:#0b6b4f;--bad:#b02a12;--badpaper:#fff;--s0:#414a53;--s1:#c26a00;--s2:#1f6fc4;--s3:#a13d8c;
--s4:#00805e;--s5:#8a5a2b;--s6:#3d8fc4;--s7:#20252b;--p0:#123f6d;--p1:#2f7dbd;--p2:#8cc3e8;--p3:#5fb39c;--p4:#2c7f6b;
--p5:#b3a4d6;--p6:#7d6bb0;--p7:#e59a2f}
*{print-color-adjust:exact;-webkit-print-color-adjust:exact}html{font-size:11.5px}body{font-size:1rem}
main{padding:0;max-width:none}
.charts{grid-template-columns:1fr 1fr}figure,tbody,.tiles,.warn{break-inside:avoid}h2{break-after:avoid}
.wide{overflow:visible;border:0}figure>svg text{font-size:13.5px}table{font-size:.84rem}
tbody th{position:static}caption{padding-left:6px}caption div{position:static}
th,td{padding:3px 6px}tbody th{min-width:8em}section{margin-top:24px}}
)css";

}  // namespace cairn
