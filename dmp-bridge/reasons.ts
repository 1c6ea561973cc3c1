/** A word for the sender, a word for the operator, and what happens to the document. */
interface ReasonText {
  fr: string
  en: string
  action: 'hold' | 'ignore'
}

/**
 * Every reason why a document is not filed without a human. `hold` waits for one; `ignore` needs none.
 * The codes are stable: rows, logs and pages carry the code, never a sentence built with data of a patient.
 */
export const REASONS = {
  // patient (spec dmp §3, §8.5)
  'no-ins': {
    fr: 'Le document ne porte pas l’INS du patient.',
    en: 'The document carries no INS.',
    action: 'hold',
  },
  'bad-ins-key': {
    fr: 'La clé de l’INS du patient est fausse.',
    en: 'The key of the INS is wrong.',
    action: 'hold',
  },
  'ins-oid-not-allowed': {
    fr: 'L’INS vient d’une autorité qui n’est pas acceptée ici (INS de test ou de démonstration).',
    en: 'The authority (OID) of the INS is not allowed here (test or demonstration identity).',
    action: 'hold',
  },
  'several-ins': {
    fr: 'Le document porte plusieurs INS différents pour le même patient.',
    en: 'The document carries several different INS.',
    action: 'hold',
  },
  'several-record-targets': {
    fr: 'Le document désigne plusieurs patients.',
    en: 'The document names several patients (recordTarget).',
    action: 'hold',
  },
  'traits-missing': {
    fr: 'Il manque un trait d’identité du patient : nom de naissance, premier prénom, date de naissance, sexe ou lieu de naissance (code COG).',
    en: 'An identity trait is missing: birth name, first name, birth date, sex or birthplace (COG code).',
    action: 'hold',
  },
  'two-patients': {
    fr: 'Le message contient des documents de patients différents.',
    en: 'The message holds documents of different patients.',
    action: 'hold',
  },
  'metadata-patient': {
    fr: 'Le fichier METADATA.XML et le document ne désignent pas le même patient.',
    en: 'METADATA.XML and the document do not name the same patient.',
    action: 'hold',
  },
  'subject-patient': {
    fr: 'L’objet du message nomme un autre patient que le document.',
    en: 'The subject of the message names another patient than the document.',
    action: 'hold',
  },
  'identity-unclear': {
    fr: 'L’identité du patient se contredit, ou n’est pas écrite exactement.',
    en: 'The identity of the patient contradicts itself, or is not written exactly.',
    action: 'hold',
  },
  // document
  'id-tells-patient': {
    fr: 'L’identifiant du document contient l’INS du patient.',
    en: 'The document id contains the INS.',
    action: 'hold',
  },
  'header-repeated': {
    fr: 'L’en-tête du document porte deux fois ce qui ne peut y être qu’une fois.',
    en: 'The header has twice what CDA allows once.',
    action: 'hold',
  },
  'no-id': { fr: 'Le document n’a pas d’identifiant.', en: 'The document has no id.', action: 'hold' },
  'id-extension': {
    fr: 'L’identifiant du document a une extension ; le DMP n’accepte qu’un OID seul.',
    en: 'The document id has an extension; the DMP takes a root alone.',
    action: 'hold',
  },
  'id-not-oid': {
    fr: 'L’identifiant du document n’est pas un OID ; le DMP ne peut pas le recevoir.',
    en: 'The document id is not an OID.',
    action: 'hold',
  },
  'id-conflict': {
    fr: 'Deux documents différents du message portent le même identifiant.',
    en: 'Two different documents of the message carry one id.',
    action: 'hold',
  },
  'metadata-unique-id': {
    fr: 'Le fichier METADATA.XML et le document ne portent pas le même identifiant.',
    en: 'METADATA.XML and the document do not carry the same uniqueId.',
    action: 'hold',
  },
  'metadata-type': {
    fr: 'Le fichier METADATA.XML et le document ne sont pas du même type.',
    en: 'METADATA.XML and the document do not have the same type.',
    action: 'hold',
  },
  'version-order': {
    fr: 'Le document n’est pas une version plus récente que celle qu’il remplace.',
    en: 'The version is not later than the one that it replaces.',
    action: 'hold',
  },
  'bad-date': {
    fr: 'La date du document ou de l’acte manque, se contredit ou est à venir.',
    en: 'The date of the document or of the act is missing, contradictory or to come.',
    action: 'hold',
  },
  'not-french': { fr: 'Le document n’est pas déclaré en français.', en: 'The language of the document is not fr-FR.', action: 'hold' },
  replacement: {
    fr: 'Le document complète un autre document, ou ne dit pas clairement lequel il remplace.',
    en: 'The document completes another one, or does not say plainly which one it replaces.',
    action: 'hold',
  },
  'same-version': {
    fr: 'Un autre document de même série et de même version est déjà connu, ou l’un des deux ne dit pas sa version.',
    en: 'Another document of the same set and version is known, or one of the two states no version.',
    action: 'hold',
  },
  'older-version': {
    fr: 'Une version plus récente de ce document est déjà dans le DMP.',
    en: 'A later version of this document is in the DMP.',
    action: 'hold',
  },
  'empty-document': {
    fr: 'Le document est vide : un lecteur n’y verrait aucun contenu.',
    en: 'The document has no visible content.',
    action: 'hold',
  },
  'too-big': { fr: 'Le document dépasse la taille acceptée.', en: 'The document is larger than allowed.', action: 'hold' },
  // codes (spec dmp §2): the tables move, so what they don't know waits
  'unknown-type': {
    fr: 'Le type du document n’est pas dans la table.',
    en: 'The type of the document is not in the table.',
    action: 'hold',
  },
  'unknown-class': {
    fr: 'Ce type de document n’a pas de classe dans la table.',
    en: 'The type has no class in the table.',
    action: 'hold',
  },
  'type-not-for-professionals': {
    fr: 'Un professionnel ne dépose pas ce type de document (patient, assurance maladie).',
    en: 'Documents of this class are not filed by a professional.',
    action: 'hold',
  },
  'announce-first': {
    fr: 'Le patient doit être informé de ce résultat par un professionnel avant de pouvoir le lire.',
    en: 'A professional must tell the patient before he can read this result.',
    action: 'hold',
  },
  'unknown-format': {
    fr: 'Le modèle du document, ou sa version, n’est pas dans la table des formats.',
    en: 'The model of the document, or its version, is not in the format table.',
    action: 'hold',
  },
  'partial-biology': {
    fr: 'Le compte rendu de biologie est partiel : seul un compte rendu complet est déposé.',
    en: 'The biology report is partial; only complete ones go to the DMP.',
    action: 'hold',
  },
  'unknown-facility': {
    fr: 'Le lieu de prise en charge est absent ou n’est pas dans la table.',
    en: 'The facility type is absent or not in the table.',
    action: 'hold',
  },
  'unknown-practice': {
    fr: 'Le cadre d’exercice est absent ou n’est pas dans la table.',
    en: 'The practice setting is absent or not in the table.',
    action: 'hold',
  },
  'unknown-specialty': {
    fr: 'La profession ou la spécialité d’un auteur n’est pas dans la table.',
    en: 'The specialty of an author is not in the table.',
    action: 'hold',
  },
  // confidentiality (spec dmp §8.6, §8.7)
  'not-normal': {
    fr: 'La confidentialité du document n’est pas « normale ».',
    en: 'The confidentiality of the document is not N.',
    action: 'hold',
  },
  marked: {
    fr: 'Le document porte une restriction de confidentialité ou de visibilité (METADATA.XML, message HL7).',
    en: 'METADATA.XML, or the HL7 message, restricts or masks the document.',
    action: 'hold',
  },
  'forbidden-marks': {
    fr: 'Le document est à la fois invisible pour le patient et masqué aux professionnels, ce que le DMP interdit.',
    en: 'It is marked both INVISIBLE_PATIENT and MASQUE_PS, which the DMP forbids.',
    action: 'hold',
  },
  'minor-marked': {
    fr: 'Le patient est mineur, et le document porte une restriction.',
    en: 'The patient is under age, and the document is restricted.',
    action: 'hold',
  },
  'minor-sensitive': {
    fr: 'Le patient est mineur, et ce type de document est sensible.',
    en: 'The patient is under age, and the type is a sensitive one.',
    action: 'hold',
  },
  // rules of plausibility, and of the operator
  'implausible-type': {
    fr: 'Aucun des auteurs n’exerce une profession qui produit ce type de document.',
    en: 'No author is of a profession that writes documents of this type.',
    action: 'hold',
  },
  'operator-hold': {
    fr: 'L’exploitant demande qu’une personne regarde les documents de ce genre avant leur dépôt.',
    en: 'The operator wants a human to look at documents of this kind first (dmp.rules).',
    action: 'hold',
  },
  'operator-forbids': {
    fr: 'L’exploitant ne dépose pas les documents de ce genre, ou pas depuis cette boîte.',
    en: 'The operator does not file documents of this kind, or not from this box (dmp.rules).',
    action: 'hold',
  },
  // author and sender (decision 6, spec dmp §8.1)
  'author-missing': {
    fr: 'Le document n’a pas d’auteur, ou l’un d’eux n’a pas d’identifiant national ou pas de nom.',
    en: 'The document has no author, or one without national identifier or name.',
    action: 'hold',
  },
  'author-structure': {
    fr: 'Aucun auteur du document n’exerce dans la structure au nom de laquelle le DMP est alimenté ici.',
    en: 'No author is of a structure that our certificate speaks for.',
    action: 'hold',
  },
  'author-not-sender': {
    fr: 'L’auteur du document n’est pas l’expéditeur du message, ni un membre de sa structure.',
    en: 'The author is neither the sender nor of one of his structures.',
    action: 'hold',
  },
  'authenticator-missing': {
    fr: 'Le document n’a pas de responsable (signataire légal) identifié comme professionnel.',
    en: 'The document has no legal authenticator with a national identifier and a name.',
    action: 'hold',
  },
  'another-authors': {
    fr: 'Document reçu d’un auteur d’une autre structure : c’est à lui de le déposer.',
    en: 'Received, and no author is of a structure of ours: it is his to file.',
    action: 'ignore',
  },
  'reception-proposal': {
    fr: 'Document reçu d’un auteur de notre structure, par une boîte qui n’en est pas : une personne décide.',
    en: 'Received, of an author of ours, by a box of another structure: a human decides.',
    action: 'hold',
  },
  'masked-received': {
    fr: 'Document reçu par messagerie alors qu’il est masqué aux professionnels : anomalie à signaler à l’expéditeur.',
    en: 'Received by mail although it is masked to professionals (MASQUE_PS).',
    action: 'hold',
  },
  'not-declared': {
    fr: 'Cette boîte n’a pas déclaré qu’elle informe ses patients de l’alimentation du DMP.',
    en: 'The box has not declared that it informs its patients.',
    action: 'hold',
  },
  // two forms of one document (spec dmp §1.9)
  'twins-differ': {
    fr: 'Deux documents du message semblent être le même sous deux formes (PDF et structurée), sans que ce soit sûr.',
    en: 'Two documents look like one in two forms (N1 and N3), and nothing makes it certain.',
    action: 'hold',
  },
  // HL7 v2 (spec dmp §5)
  'hl7-malformed': {
    fr: 'Le message HL7 est illisible.',
    en: 'The HL7 v2 message can not be read.',
    action: 'hold',
  },
  'hl7-no-document': {
    fr: 'Le message HL7 annonce un document, mais ne le contient pas.',
    en: 'The HL7 v2 message has something else where its document should be.',
    action: 'hold',
  },
  'hl7-patient': {
    fr: 'Le message HL7 et le document ne désignent pas le même patient, ou l’identité n’y est pas validée.',
    en: 'PID and the document do not name the same patient, or PID-32 is not VALI.',
    action: 'hold',
  },
  'hl7-deletion': {
    fr: 'Le message HL7 demande la suppression du document.',
    en: 'The HL7 v2 message asks to delete or cancel the document.',
    action: 'hold',
  },
  'hl7-unclear': {
    fr: 'Le message HL7 ne demande pas clairement le dépôt de ce document au DMP.',
    en: 'The HL7 v2 message does not plainly order to file a final document (DESTDMP, event, OBX-11).',
    action: 'hold',
  },
  // reading
  'xml-malformed': { fr: 'Le document XML est illisible.', en: 'The XML is malformed.', action: 'hold' },
  'xml-dtd': { fr: 'Le document XML contient une DTD ou des entités.', en: 'The XML has a DTD or entities.', action: 'hold' },
  'xml-too-big': { fr: 'Le document XML est trop grand ou trop profond.', en: 'The XML is too large or too deep.', action: 'hold' },
  'xml-encoding': { fr: 'Le document n’est pas codé en UTF-8.', en: 'The document is not encoded in UTF-8.', action: 'hold' },
  'schema-invalid': {
    fr: 'Le document n’a pas la forme d’un CDA R2 (schéma XML) : il est à corriger par le logiciel qui l’a produit.',
    en: 'The document does not have the form of a CDA R2 (XML Schema).',
    action: 'hold',
  },
  'schematron-failed': {
    fr: 'Le document ne suit pas les règles de contenu du CI-SIS (schématrons) : il est à corriger par le logiciel qui l’a produit.',
    en: 'The document breaks rules of the schematrons of the CI-SIS.',
    action: 'hold',
  },
  'active-content': { fr: 'Le document contient un script.', en: 'The document contains a script.', action: 'hold' },
  'not-a-cda': {
    fr: 'Le fichier parle d’un document CDA, mais n’en est pas un.',
    en: 'The XML speaks of a ClinicalDocument, and is none.',
    action: 'hold',
  },
  'document-in-text': {
    fr: 'Un document se trouve dans le texte du message, au lieu d’y être joint.',
    en: 'A document stands in the text of the message instead of being attached.',
    action: 'hold',
  },
  'body-missing': {
    fr: 'Le document n’a pas de contenu, ou son contenu est ailleurs.',
    en: 'The document has no body, two, or one that is elsewhere.',
    action: 'hold',
  },
  'several-documents': {
    fr: 'Le fichier contient plusieurs documents CDA.',
    en: 'The file holds several ClinicalDocuments.',
    action: 'hold',
  },
  'metadata-missing': {
    fr: 'L’archive ne contient pas de fichier METADATA.XML.',
    en: 'The archive has no METADATA.XML.',
    action: 'hold',
  },
  'metadata-unreadable': {
    fr: 'Le fichier METADATA.XML de l’archive est illisible.',
    en: 'METADATA.XML can not be read.',
    action: 'hold',
  },
  'not-in-metadata': {
    fr: 'Le document n’est pas décrit dans le fichier METADATA.XML de l’archive.',
    en: 'METADATA.XML does not describe the document.',
    action: 'hold',
  },
  'file-missing': {
    fr: 'Un document décrit dans METADATA.XML manque dans l’archive.',
    en: 'A document of METADATA.XML is missing in the archive.',
    action: 'hold',
  },
  'hash-mismatch': {
    fr: 'L’empreinte du document ne correspond pas à celle de METADATA.XML.',
    en: 'The hash differs from the one of METADATA.XML.',
    action: 'hold',
  },
  'size-mismatch': {
    fr: 'La taille du document ne correspond pas à celle de METADATA.XML.',
    en: 'The size differs from the one of METADATA.XML.',
    action: 'hold',
  },
  'zip-malformed': { fr: 'L’archive est illisible.', en: 'The archive is malformed.', action: 'hold' },
  'zip-too-many-entries': { fr: 'L’archive contient trop de fichiers.', en: 'The archive has too many entries.', action: 'hold' },
  'zip-bomb': { fr: 'L’archive est trop grande une fois ouverte.', en: 'The archive unfolds beyond the limits.', action: 'hold' },
  'zip-path-escape': {
    fr: 'L’archive contient un chemin interdit.',
    en: 'The archive holds a path that leaves its folder.',
    action: 'hold',
  },
  'zip-encrypted': { fr: 'L’archive est protégée par un mot de passe.', en: 'The archive is encrypted.', action: 'hold' },
  'message-too-big': { fr: 'Le message est trop grand pour être lu.', en: 'The message is too large to be read.', action: 'hold' },
  'header-too-big': { fr: 'Un en-tête du message est trop grand.', en: 'A header of the message is too large.', action: 'hold' },
  'line-too-long': { fr: 'Une ligne du message est trop longue.', en: 'A line of the message is too long.', action: 'hold' },
  'too-many-parts': { fr: 'Le message a trop de parties.', en: 'The message has too many parts.', action: 'hold' },
  'too-many-documents': { fr: 'Le message contient trop de documents.', en: 'The message holds too many documents.', action: 'hold' },
  'too-deep': { fr: 'Le message a trop de niveaux.', en: 'The message is nested too deeply.', action: 'hold' },
  'signed-unreadable': { fr: 'Le contenu signé (S/MIME) est illisible.', en: 'Signed content (S/MIME) can not be read.', action: 'hold' },
  'message-malformed': { fr: 'Le message est illisible.', en: 'The message can not be read.', action: 'hold' },
  'reading-timed-out': { fr: 'La lecture du message a pris trop de temps.', en: 'Reading took too long.', action: 'hold' },
  'reading-failed': { fr: 'La lecture du message a échoué.', en: 'Reading failed.', action: 'hold' },
  // a file that is no CDA (spec dmp §1.9, §3, §5)
  'needs-identity': {
    fr: 'Ce fichier ne porte pas d’identité qualifiée : décrivez son patient, son type et sa date pour qu’il soit déposé, ou abandonnez-le.',
    en: 'The file has no qualified identity: somebody of the box has to describe it (pli dmp describe), or to give it up.',
    action: 'hold',
  },
  'not-pdfa': {
    fr: 'Ce PDF n’est pas au format PDF/A-1, le seul que le DMP accepte. Dans Word : Enregistrer sous, PDF, Options, « Compatible PDF/A ». Dans LibreOffice : Exporter au format PDF, « Archive (PDF/A) », version PDF/A-1b. Renvoyez-le ensuite.',
    en: 'The PDF is not PDF/A-1, as far as its objects tell.',
    action: 'hold',
  },
  'file-encrypted': {
    fr: 'Ce fichier est protégé par un mot de passe ou chiffré : il ne peut pas être déposé ainsi.',
    en: 'The PDF is encrypted.',
    action: 'hold',
  },
  'file-active': {
    fr: 'Ce fichier contient un script, un programme ou un autre fichier : il ne peut pas être déposé ainsi.',
    en: 'The file has active content: scripts, actions, embedded files.',
    action: 'hold',
  },
  'file-unreadable': {
    fr: 'Ce fichier est abîmé ou trop grand pour être vérifié.',
    en: 'The file is broken, or too large to be checked.',
    action: 'hold',
  },
  'sender-unlisted': {
    fr: 'Le nom ou la profession de l’expéditeur manque dans l’annuaire : le document ne peut pas être établi à son nom.',
    en: 'The annuaire does not tell name and profession of the holder of the box.',
    action: 'hold',
  },
  'sender-structure': {
    fr: 'L’expéditeur n’exerce dans aucune structure au nom de laquelle le DMP est alimenté ici.',
    en: 'The sender is of no structure that our certificate speaks for.',
    action: 'hold',
  },
  'description-differs': {
    fr: 'Le fichier nomme un autre patient que sa description.',
    en: 'The HPRIM dossier states other names than the description.',
    action: 'hold',
  },
  // nothing to file
  'not-ours-to-wrap': {
    fr: 'Fichier sans identité, d’une boîte qui n’est pas celle d’un professionnel ou qui n’a rien déclaré : il n’est pas déposé.',
    en: 'No CDA, and the box is not that of a person who declared.',
    action: 'ignore',
  },
  'hprim-of-another': {
    fr: 'Résultat HPRIM établi par un autre que l’expéditeur : seul son auteur le dépose.',
    en: 'HPRIM of somebody else than the sender.',
    action: 'ignore',
  },
  'image-of-mail': { fr: 'Image du corps du message, logo ou signature.', en: 'Inline or small image.', action: 'ignore' },
  'image-repeated': {
    fr: 'Image déjà jointe à d’autres messages de cette boîte (logo, signature).',
    en: 'The same image came in other messages of the box.',
    action: 'ignore',
  },
  duplicate: { fr: 'Le même document est déjà dans ce message.', en: 'The same document stands earlier in the message.', action: 'ignore' },
  'copy-beside-xdm': {
    fr: 'Copie PDF jointe à un document structuré : elle n’est pas déposée.',
    en: 'PDF copy beside a CDA.',
    action: 'ignore',
  },
  'pdf-alone': { fr: 'PDF sans document structuré.', en: 'PDF without a CDA.', action: 'ignore' },
  twin: {
    fr: 'Autre forme (PDF) d’un document structuré du même message, qui est déposé à sa place.',
    en: 'The N1 form of a structured document of the message, which goes for both.',
    action: 'ignore',
  },
  'not-for-dmp': {
    fr: 'Le message HL7 demande de ne pas déposer ce document au DMP.',
    en: 'The HL7 v2 message says not to file it (DESTDMP=N).',
    action: 'ignore',
  },
  hl7: { fr: 'Message HL7 sans document.', en: 'HL7 v2 message without a document.', action: 'ignore' },
  hprim: { fr: 'Résultat au format HPRIM.', en: 'HPRIM text.', action: 'ignore' },
  'hprim-several-patients': {
    fr: 'Fichier HPRIM de plusieurs patients : leurs résultats ne sont jamais mélangés.',
    en: 'HPRIM file of several patients.',
    action: 'ignore',
  },
  'hprim-unreadable': {
    fr: 'Fichier HPRIM illisible ou trop grand.',
    en: 'HPRIM file that can not be read, or is too large.',
    action: 'ignore',
  },
  signature: { fr: 'Signature du message.', en: 'Signature of the message.', action: 'ignore' },
  image: { fr: 'Image.', en: 'Image.', action: 'ignore' },
  rtf: { fr: 'Texte RTF.', en: 'RTF text.', action: 'ignore' },
  text: { fr: 'Texte simple.', en: 'Plain text.', action: 'ignore' },
  encrypted: { fr: 'Pièce chiffrée, illisible ici.', en: 'Encrypted part, unreadable here.', action: 'ignore' },
  stylesheet: { fr: 'Feuille de style.', en: 'Style sheet.', action: 'ignore' },
  technical: { fr: 'Fichier technique de l’archive.', en: 'Technical file of the archive.', action: 'ignore' },
  'empty-archive': { fr: 'Archive sans document.', en: 'Archive without a document.', action: 'ignore' },
  unrelated: { fr: 'Pièce jointe sans rapport avec le DMP.', en: 'Unrelated attachment.', action: 'ignore' },
} as const satisfies Record<string, ReasonText>

export type Reason = keyof typeof REASONS

/** @returns whether a code read from a row or a configuration is one of ours */
export function isReason(code: string): code is Reason {
  return Object.hasOwn(REASONS, code)
}
