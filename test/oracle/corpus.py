"""Prints, as JSON, every health document of a folder of samples, and what is to be said of it: by its own header, and by the METADATA.XML around it.
    python3 corpus.py FOLDER"""

import base64
import binascii
import hashlib
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
import zipfile
from pathlib import Path

from cda import CDA, Tables, document_in, metadata_of
from registry import entries


def main(folder):
    tables = Tables(folder / 'tables')
    files = sorted(each for each in folder.rglob('*') if each.is_file())
    found = [{'file': str(each.relative_to(folder)), 'documents': documents_of(each, tables)} for each in files]
    json.dump(found, sys.stdout)


def documents_of(file, tables):
    data = file.read_bytes()
    if data[:2] == b'PK':
        return archived(file, tables)
    if re.match(rb'(\xef\xbb\xbf)?\s*MSH', data):
        return [described(each, tables) for each in embedded(data)]
    return [described(data, tables)] if b'ClinicalDocument' in data and document_in(data) is not None else []


def described(data, tables, name=None):
    document = document_in(data)
    clinical = document is not None
    return {
        'name': name,
        'sha1': hashlib.sha1(data).hexdigest(),
        'sha256': hashlib.sha256(data).hexdigest(),
        'bytes': len(data),
        'french': clinical and any((each.get('root') or '').startswith('1.2.250.1.213.1.1.1') for each in document.iter(CDA + 'templateId')),
        'header': metadata_of(document, tables) if clinical else None,
    }


def embedded(message):
    """The CDA in base64 of the OBX of an HL7 v2 message."""
    field = chr(re.search(rb'MSH(.)', message)[1][0])
    for line in re.split(rb'[\r\n]+', message):
        if not line.startswith(b'OBX'):
            continue
        values = line.decode('latin-1').split(field)
        if values[2] != 'ED':
            continue
        try:
            data = base64.b64decode(values[5].split('^')[4], validate=True)
        except (binascii.Error, IndexError, ValueError):
            continue
        if document_in(data) is not None:
            yield data


def archived(file, tables):
    """Every file that a METADATA.XML of an archive describes, with what it says of it, and every other CDA."""
    result = []
    with zipfile.ZipFile(file) as archive:
        names = [each for each in archive.namelist() if '__MACOSX' not in each and '.svn' not in each]
        for index in (each for each in names if each.lower().endswith('/metadata.xml')):
            root = ElementTree.fromstring(archive.read(index).strip())
            for said in entries(root):
                path = index.rsplit('/', 1)[0] + '/' + (said['uri'] or '')
                name = next((each for each in names if each.lower() == path.lower()), None)
                document = {'header': None} if name is None else described(archive.read(name), tables, name)
                result.append({**document, 'entry': said})
        for name in names:
            data = archive.read(name)
            if all(each.get('name') != name for each in result) and b'ClinicalDocument' in data and document_in(data) is not None:
                result.append(described(data, tables, name))
    return result


main(Path(sys.argv[1]))
