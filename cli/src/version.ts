declare const LOG_DETECTOR_VERSION: string | undefined;

/** The version this was built as; `development` when it runs unbuilt. */
export const version = typeof LOG_DETECTOR_VERSION === 'undefined' ? 'development' : LOG_DETECTOR_VERSION;
