"""Puts requests of ITI-41 together again as XOP says, and says what they carry. Python's own MIME and XML parsers: nothing of Pli's.
    python3 mtom.py FOLDER NAME…
reads NAME.type (the Content-Type) and NAME.request (the body) of each, and writes NAME.envelope (as it came), NAME.body (the SOAP body with every
attachment back in its place) and NAME.ID.part of each document; prints JSON."""

import base64
import hashlib
import json
import sys
import xml.etree.ElementTree as ElementTree
from email import message_from_bytes
from pathlib import Path
from urllib.parse import unquote

from registry import RIM, entries

SOAP = '{http://www.w3.org/2003/05/soap-envelope}'
XDSB = '{urn:ihe:iti:xds-b:2007}'
XOP = '{http://www.w3.org/2004/08/xop/include}'


def main(folder, names):
    json.dump([{'name': name, **opened(folder, name)} for name in names], sys.stdout)


def opened(folder, name):
    kind = (folder / (name + '.type')).read_text()
    head = 'MIME-Version: 1.0\r\nContent-Type: %s\r\n\r\n' % kind
    message = message_from_bytes(head.encode() + (folder / (name + '.request')).read_bytes())
    parts = {part['Content-ID']: part for part in message.get_payload()}
    root = parts.pop(message.get_param('start'))
    if root.get_content_type() != message.get_param('type') or root.get_param('type') != message.get_param('start-info'):
        raise ValueError('the root is not what the message says')
    envelope = root.get_payload(decode=True)
    (folder / (name + '.envelope')).write_bytes(envelope)
    body = ElementTree.fromstring(envelope).find(SOAP + 'Body')[0]
    documents = []
    for document in body.findall(XDSB + 'Document'):
        include = document.find(XOP + 'Include')
        part = parts.pop('<' + unquote(include.get('href').removeprefix('cid:')) + '>')
        content = part.get_payload(decode=True)
        (folder / f"{name}.{document.get('id')}.part").write_bytes(content)
        document.remove(include)
        document.text = base64.b64encode(content).decode()
        documents.append({'id': document.get('id'), 'mimeType': part.get_content_type(), 'sha256': hashlib.sha256(content).hexdigest()})
    if parts or message.defects:
        raise ValueError('parts that nothing names, or a broken multipart')
    ElementTree.ElementTree(body).write(folder / (name + '.body'), encoding='utf-8', xml_declaration=True)
    associations = [[each.get('associationType'), each.get('sourceObject'), each.get('targetObject')] for each in body.iter(RIM + 'Association')]
    return {'documents': documents, 'entries': entries(body), 'associations': associations}


main(Path(sys.argv[1]), sys.argv[2:])
