"""The header of a CDA as XDS metadata, by the CI-SIS and the tables that the ANS publishes. Written for the tests, in another language and with
another parser than Pli, and from the specification alone: where the two disagree, one of them is wrong."""

import json
import re
import xml.etree.ElementTree as ElementTree
from datetime import datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

CDA = '{urn:hl7-org:v3}'
SVS = '{urn:ihe:iti:svs:2008}'
PROFESSIONALS = '1.2.250.1.71.4.2.1'
STRUCTURES = '1.2.250.1.71.4.2.2'
INS = {'1.2.250.1.213.1.4.' + arc for arc in ('8', '9', '10', '11')}
# CI-SIS, structuration minimale: the forms of a body that is not structured.
LEVEL_1 = {
    'application/pdf': 'urn:ihe:iti:xds-sd:pdf:2008',
    'text/plain': 'urn:ihe:iti:xds-sd:text:2008',
    'image/jpeg': 'urn:ihe:iti-fr:xds-sd:jpeg:2010',
    'text/rtf': 'urn:ihe:iti-fr:xds-sd:rtf:2010',
    'image/tiff': 'urn:ihe:iti-fr:xds-sd:tiff:2010',
}


class Tables:
    """The value sets of the ANS as they were published."""

    def __init__(self, folder):
        self.classes = pairs(folder, 'ASS_X04')
        self.formats = pairs(folder, 'ASS_A11')
        self.types = concepts(folder, 'JDV_J07')
        self.facilities = concepts(folder, 'JDV_J02')
        self.practices = concepts(folder, 'JDV_J04')
        value_set = json.loads(next((folder / 'fhir').glob('JDV_J10*')).read_text('utf-8'))
        self.all_formats = {each['code'] for part in value_set['compose']['include'] for each in part.get('concept', [])}


def concepts(folder, name):
    root = ElementTree.parse(next(folder.glob(name + '_*'))).getroot()
    return {(each.get('code'), each.get('codeSystem')) for each in root.iter(SVS + 'Concept')}


def pairs(folder, name):
    root = ElementTree.parse(next(folder.glob(name + '-*'))).getroot()
    found = {}
    for pair in root.iter(SVS + 'MappedConcept'):
        source, target = pair.findall(SVS + 'Concept')
        found.setdefault(source.get('code'), (target.get('code'), target.get('codeSystem')))
    return found


def document_in(data):
    """The ClinicalDocument of a file: its root, or inside the style sheet that presents it. None for anything else."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return None
    return next(root.iter(CDA + 'ClinicalDocument'), None)


def metadata_of(document, tables):
    """What the mapping CDA → XDS of the ANS gives; a code that no table has is None."""
    code = document.find(CDA + 'code')
    kind = (code.get('code'), code.get('codeSystem'))
    patient = document.find(path('recordTarget/patientRole'))
    identity = national(patient)
    act = main_act(document)
    start, stop = interval(act)
    legal = document.find(path('legalAuthenticator/assignedEntity'))
    facility = concept(document.find(path('componentOf/encompassingEncounter/location/healthCareFacility/code')))
    return {
        'uniqueId': identifier(document.find(CDA + 'id')),
        'patientId': None if identity is None else identity[0] + '^^^&' + identity[1] + '&ISO^NH',
        'sourcePatientInfo': patient_info(patient),
        'type': '^'.join(part or '' for part in kind),
        'class': None if kind not in tables.types else joined(tables.classes.get(kind[0])),
        'format': format_of(document, tables),
        'authors': [author_of(each) for each in document.findall(CDA + 'author')],
        'legalAuthenticator': None if legal is None else xcn(legal),
        'creationTime': utc(value(document.find(CDA + 'effectiveTime'))),
        'serviceStart': utc(start),
        'serviceStop': utc(stop),
        'facility': joined(facility) if facility in tables.facilities else None,
        'practice': joined(practice_of(act)) if practice_of(act) in tables.practices else None,
        'confidentiality': joined(concept(document.find(CDA + 'confidentialityCode'))),
        'language': document.find(CDA + 'languageCode').get('code'),
        'replaces': replaced(document),
    }


def path(text):
    return '/'.join(CDA + step for step in text.split('/'))


def joined(pair):
    return None if pair is None or pair[0] is None else pair[0] + '^' + (pair[1] or '')


def concept(element):
    return None if element is None or element.get('code') is None else (element.get('code'), element.get('codeSystem'))


def value(element):
    return None if element is None else element.get('value')


def identifier(element):
    root, extension = element.get('root'), element.get('extension')
    return root if extension is None else root + '^' + extension


def national(patient):
    """Number and authority of the first national identity."""
    for each in patient.findall(CDA + 'id'):
        if each.get('root') in INS:
            return each.get('extension'), each.get('root')
    return None


def patient_info(role):
    """Birth name, first birth name, birth date, sex: PID-5, PID-7, PID-8."""
    patient = role.find(CDA + 'patient')
    names = {}
    for part in ('family', 'given'):
        born = [each for each in patient.iterfind('*/' + CDA + part) if 'BR' in (each.get('qualifier') or '').split()]
        names[part] = component(born[0].text) if born else ''
    birth = (value(patient.find(CDA + 'birthTime')) or '')[:8]
    sex = patient.find(CDA + 'administrativeGenderCode').get('code') or ''
    return ['PID-5|%s^%s^^^^^L' % (names['family'], names['given']), 'PID-7|' + birth, 'PID-8|' + sex]


def format_of(document, tables):
    body = document.find(path('component/nonXMLBody/text'))
    if body is not None:
        form = LEVEL_1.get(body.get('mediaType'))
        return form if form in tables.all_formats else None
    templates = [each.get('root') for each in document.findall(CDA + 'templateId')]
    forms = [tables.formats[each][0] for each in templates if each in tables.formats]
    return forms[0] if forms else None


def author_of(author):
    assigned = author.find(CDA + 'assignedAuthor')
    organisation = assigned.find(CDA + 'representedOrganization')
    specialty, role = assigned.find(CDA + 'code'), author.find(CDA + 'functionCode')
    return {
        'person': xcn(assigned),
        'institutions': [] if organisation is None else xons(organisation),
        'specialty': None if concept(specialty) is None else '^'.join((specialty.get('code'), component(specialty.get('displayName')), specialty.get('codeSystem'))),
        'role': None if role is None else component(role.get('displayName')) or text(role.find(CDA + 'originalText')) or None,
    }


def xcn(assigned):
    """The person, or the device, with the number of the national register where there is one."""
    numbers = [each for each in assigned.findall(CDA + 'id') if (each.get('extension') or '').strip()]
    numbers.sort(key=lambda each: each.get('root') != PROFESSIONALS)
    number, root = (numbers[0].get('extension'), numbers[0].get('root')) if numbers else ('', '')
    name = assigned.find(path('assignedPerson/name'))
    if name is None:
        device = assigned.find(CDA + 'assignedAuthoringDevice')
        family, given, form, kind = device.find(CDA + 'manufacturerModelName'), device.find(CDA + 'softwareName'), 'U', 'RI'
    else:
        family, given, form = name.find(CDA + 'family'), name.find(CDA + 'given'), 'D'
        kind = 'IDNPS' if root == PROFESSIONALS and number[0] in '08' and number.isdigit() else 'EI'
    authority = '&' + root + '&ISO' if re.fullmatch(r'[\d.]+', root) else ''
    return '%s^%s^%s^^^^^^%s^%s^^^%s' % (component(number), text(family), text(given), authority, form, kind)


def xons(organisation):
    name = text(organisation.find(CDA + 'name'))
    numbers = [each.get('extension') for each in organisation.findall(CDA + 'id') if each.get('root') == STRUCTURES]
    return ['%s^^^^^&%s&ISO^IDNST^^^%s' % (name or number, STRUCTURES, number) for number in numbers if number]


def text(element):
    return '' if element is None else component(element.text)


def component(content):
    """HL7 v2 escapes its separators inside a component."""
    plain = ' '.join((content or '').split())
    return re.sub(r'[\\|^&~]', lambda match: '\\' + {'\\': 'E', '|': 'F', '^': 'S', '&': 'T', '~': 'R'}[match[0]] + '\\', plain)


def main_act(document):
    """The act whose performer states the practice setting; the first where none does."""
    acts = [each for each in document.findall(path('documentationOf/serviceEvent'))]
    return next((act for act in acts if practice_of(act)), acts[0] if acts else None)


def practice_of(act):
    if act is None:
        return None
    settings = act.iterfind(path('performer/assignedEntity/representedOrganization/standardIndustryClassCode'))
    return next((concept(each) for each in settings if concept(each)), None)


def interval(act):
    time = None if act is None else act.find(CDA + 'effectiveTime')
    if time is None:
        return None, None
    low, high = value(time.find(CDA + 'low')), value(time.find(CDA + 'high'))
    return low or time.get('value'), high or time.get('value')


def utc(time):
    """DTM of XDS: UTC to the second; a date stays that date, and a French hour without a zone is that of Paris."""
    match = re.fullmatch(r'(\d{8})(\d{2})?(\d{2})?(\d{2})?(?:\.\d+)?([+-]\d{4})?', time or '')
    if not match:
        return None
    day, *clock, zone = match.groups()
    moment = datetime.strptime(day + ''.join(each or '00' for each in clock), '%Y%m%d%H%M%S')
    if clock[0] is None:
        return moment.strftime('%Y%m%d%H%M%S')
    if zone:
        sign = -1 if zone[0] == '-' else 1
        moment = moment.replace(tzinfo=timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))))
    else:
        moment = moment.replace(tzinfo=ZoneInfo('Europe/Paris'))
    return moment.astimezone(timezone.utc).strftime('%Y%m%d%H%M%S')


def replaced(document):
    """The document that this one replaces."""
    for each in document.findall(CDA + 'relatedDocument'):
        parent = each.find(path('parentDocument/id'))
        if each.get('typeCode') == 'RPLC' and parent is not None:
            return identifier(parent)
    return None
