'use strict';

// One question by the npm package ocsp: node check.js TRUST CA LEAF RESPONDER, all PEM; one line out.
// Delegated: its own check(). Local: it knows no pinned certificate, but it takes the key of the certificate
// that stands where the issuer's belongs, so the responder's is put there once the request is made.

const fs = require('fs');
const http = require('http');
const ocsp = require('ocsp');

const [trust, ca, leaf, responder] = process.argv.slice(2);
const read = (path) => fs.readFileSync(path, 'latin1');
const done = (error) => {
  console.log(error ? error.message : 'good');
  http.globalAgent.destroy(); // a connection kept open would keep the process
};

if (trust === 'delegated') {
  ocsp.check({ cert: read(leaf), issuer: read(ca) }, done);
} else {
  const request = ocsp.request.generate(read(leaf), read(ca));
  ocsp.utils.getAuthorityInfo(request.cert, '1.3.6.1.5.5.7.48.1', (error, url) => {
    if (error) return done(error);
    ocsp.utils.getResponse(url, request.data, (error, response) => {
      if (error) return done(error);
      ocsp.verify({ request: { ...request, issuer: undefined }, issuer: read(responder), response }, done);
    });
  });
}
