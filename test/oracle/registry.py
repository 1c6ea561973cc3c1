"""Document entries of ebRIM 3.0, as METADATA.XML and the requests of ITI-41 have them."""

import re

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
SLOTS = {'uri': 'URI', 'language': 'languageCode', 'serviceStart': 'serviceStartTime', 'serviceStop': 'serviceStopTime'}


def entries(root):
    """What is said of each document."""
    return [said_of(entry) for entry in root.iter(RIM + 'ExtrinsicObject')]


def said_of(entry):
    said = {'authors': [], 'confidentiality': [], 'sourcePatientInfo': slots(entry, 'sourcePatientInfo')}
    for name in ('uri', 'hash', 'size', 'creationTime', 'language', 'legalAuthenticator', 'serviceStart', 'serviceStop'):
        said[name] = slot(entry, SLOTS.get(name, name))
    for each in entry.findall(RIM + 'ExternalIdentifier'):
        said[SCHEMES[each.get('identificationScheme')]] = each.get('value')
    for each in entry.findall(RIM + 'Classification'):
        name = SCHEMES.get(each.get('classificationScheme'))
        concept = (each.get('nodeRepresentation') or '') + '^' + (slot(each, 'codingScheme') or '')
        if name == 'authors':
            said['authors'].append(author(each))
        elif name == 'confidentiality':
            said[name].append(concept)
        elif name == 'format':
            said[name] = each.get('nodeRepresentation')
        elif name:
            said[name] = concept
    return said


def author(said):
    return {
        'person': slot(said, 'authorPerson'),
        'institutions': slots(said, 'authorInstitution'),
        'specialty': slot(said, 'authorSpecialty'),
        'role': slot(said, 'authorRole'),
    }


def slots(element, name):
    return [each.text for part in element.findall(RIM + 'Slot') if part.get('name') == name for each in part.iter(RIM + 'Value')]


def slot(element, name):
    # A blank at the end of a component means nothing (HL7 v2.5 §2.5.3.3).
    return next((re.sub(r' +(?=\^|$)', '', each or '') for each in slots(element, name)), None)
