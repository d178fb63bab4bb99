const http = require("node:http");
const ms = require("ms");

const server = http.createServer((_request, response) => {
  response.end(`up for ${ms(Math.round(process.uptime() * 1000), { long: true })}\n`);
});
server.listen(3000, () => console.log("listening on port 3000"));
process.on("SIGTERM", () => server.close());
