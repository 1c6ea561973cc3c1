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

RIM = '{urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0}'
SCHEMES = {
    'urn:uuid:93606bcf-9494-43ec-9b4e-a7748d1a838d': 'authors',
    'urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a': 'class',
    'urn:uuid:f0306f51-975f-434e-a61c-c59651d33983': 'type',
    'urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f': 'confidentiality',
    'urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d': 'format',
    'urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1': 'facility',
    'urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead': 'practice',
    'urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427': 'patientId',
    'urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab': 'uniqueId',
}
SLOTS = {'language': 'languageCode', 'serviceStart': 'serviceStartTime', 'serviceStop': 'serviceStopTime'}


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
            for entry in root.iter(RIM + 'ExtrinsicObject'):
                said = said_of(entry)
                path = index.rsplit('/', 1)[0] + '/' + (said['uri'] or '')
                name = next((each for each in names if each.lower() == path.lower()), None)
                document = {'header': None} if name is None else described(archive.read(name), tables, name)
                result.append({**document, 'entry': said})
        for name in names:
            data = archive.read(name)
            if all(each.get('name') != name for each in result) and b'ClinicalDocument' in data and document_in(data) is not None:
                result.append(described(data, tables, name))
    return result


def said_of(entry):
    said = {'uri': slot(entry, 'URI'), 'hash': slot(entry, 'hash'), 'size': slot(entry, 'size'), 'authors': [], 'confidentiality': []}
    for name in ('creationTime', 'language', 'legalAuthenticator', 'serviceStart', 'serviceStop'):
        said[name] = slot(entry, SLOTS.get(name, name))
    for each in entry.findall(RIM + 'ExternalIdentifier'):
        said[SCHEMES[each.get('identificationScheme')]] = each.get('value')
    for each in entry.findall(RIM + 'Classification'):
        name = SCHEMES.get(each.get('classificationScheme'))
        concept = (each.get('nodeRepresentation') or '') + '^' + (slot(each, 'codingScheme') or '')
        if name == 'authors':
            said['authors'].append({'person': slot(each, 'authorPerson'), 'institutions': slots(each, 'authorInstitution'), 'specialty': slot(each, 'authorSpecialty'), 'role': slot(each, 'authorRole')})
        elif name == 'confidentiality':
            said[name].append(concept)
        elif name == 'format':
            said[name] = each.get('nodeRepresentation')
        elif name:
            said[name] = concept
    return said


def slots(element, name):
    return [each.text for part in element.findall(RIM + 'Slot') if part.get('name') == name for each in part.iter(RIM + 'Value')]


def slot(element, name):
    # A blank at the end of a component means nothing (HL7 v2.5 §2.5.3.3).
    return next((re.sub(r' +(?=\^|$)', '', each or '') for each in slots(element, name)), None)


main(Path(sys.argv[1]))
