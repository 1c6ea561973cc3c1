export { anchorFiles, listFolder, openAnchors, responders, type TrustFiles, watchedFiles } from './anchors.ts'
export { type Authorities, openAuthorities, type TrustPlace, trustPlaces } from './authorities.ts'
export { type ListKeeper, openListKeeper } from './list-keeper.ts'
export { listSources } from './list-source.ts'
