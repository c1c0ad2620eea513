/**
 * Turns JSON into an object of a kind as the API server does: fields that the kind does not have fall away (and are named,
 * for strict requests), a value of the wrong type refuses the whole request, empty values that Go leaves out are left out.
 * The kinds' fields are those of client-node's models.
 */
import * as models from '@kubernetes/client-node/dist/gen/models/all.js';
import { badRequest, type ApiError } from './api-error.ts';
import { isJsonObject, type ObjectInput } from './objects.ts';
import { parseQuantity } from './quantity.ts';
import { findResourceOfKind, type Resource } from './resources.ts';

interface Attribute {
  baseName: string;
  type: string;
  format: string;
}

interface Context {
  kind: string;
  apiVersion: string;
  unknownFields: string[];
}

/** @returns the decoded value, or nothing where Go's zero value would be left out */
type Decoder = (value: unknown, path: string, struct: string, context: Context) => unknown;

export interface Decoded {
  object: ObjectInput;
  /** Paths of the fields that the kind does not have, such as `spec.replica`. */
  unknownFields: string[];
}

/** @throws ApiError 400 where a value has the wrong type, or the object is of another kind */
export function decodeObject(resource: Resource, json: unknown, apiVersion: string): Decoded {
  if (!isJsonObject(json)) throw unrecognized(resource, `json: cannot unmarshal ${goTypeOf(json)} into Go value`);
  const context: Context = { kind: resource.kind, apiVersion: resource.version, unknownFields: [] };
  checkKind(json, resource, apiVersion);
  const object = modelDecoder(resource.model)(json, '', resource.kind, context) as ObjectInput;
  return { object: { ...object, apiVersion, kind: resource.kind }, unknownFields: context.unknownFields };
}

/** The answer to a body of which nothing can be made. */
export function unrecognized({ kind }: Resource, why: string): ApiError {
  return badRequest(
    `the object provided is unrecognized (must be of type ${kind}): couldn't get version/kind; json parse error: ${why}`,
  );
}

function checkKind(json: Record<string, unknown>, resource: Resource, apiVersion: string): void {
  const { apiVersion: foundVersion = apiVersion, kind: foundKind = resource.kind } = json;
  if (foundVersion === apiVersion && foundKind === resource.kind) return;
  const version = String(foundVersion);
  const short = version.split('/').at(-1) ?? '';
  const known = findResourceOfKind(version, String(foundKind));
  const why = known
    ? `converting (${short}.${known.kind}) to (${resource.group || 'core'}.${resource.kind}): unknown conversion`
    : `no kind "${String(foundKind)}" is registered for version "${version}"`;
  throw badRequest(`${String(foundKind)} in version "${short}" cannot be handled as a ${resource.kind}: ${why}`);
}

/** The name of a Go type, from that of a model's attribute. */
function goName(type: string): string {
  const names: Record<string, string> = { number: 'int32', boolean: 'bool' };
  return names[type] ?? (/^V\d/.test(type) ? `v1.${type.replace(/^V\d+/, '')}` : type);
}

const decoders = new Map<string, Decoder>();

/** Non-pointer fields of the Go types that are left out when they are zero; pointers keep their zero. */
const zeroLeftOut = new Set([
  ...['nodePort', 'hostPort', 'minReadySeconds', 'healthCheckNodePort'],
  ...['hostNetwork', 'hostPID', 'hostIPC', 'stdin', 'stdinOnce', 'tty', 'paused', 'publishNotReadyAddresses'],
  ...['replicas.status', 'updatedReplicas', 'readyReplicas', 'availableReplicas', 'unavailableReplicas'],
]);

function decoderOf(type: string, format: string): Decoder {
  const key = `${type} ${format}`;
  const known = decoders.get(key);
  if (known) return known;
  const made = makeDecoder(type, format);
  decoders.set(key, made);
  return made;
}

function makeDecoder(type: string, format: string): Decoder {
  const item = /^Array<(.+)>$/.exec(type)?.[1];
  if (item !== undefined) return arrayDecoder(decoderOf(item, ''), `[]${goName(item)}`);
  const entry = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
  if (entry !== undefined) return mapDecoder(decoderOf(entry, ''));
  switch (type) {
    case 'any':
      return (value) => value;
    case 'string':
      return decodeString;
    case 'boolean':
      return decodeBoolean;
    case 'number':
      return numberDecoder(format);
    case 'Date':
      return decodeTime;
    case 'V1MicroTime':
      return decodeMicroTime;
    case 'IntOrString':
      return decodeIntOrString;
    default:
      return modelDecoder(type);
  }
}

const modelDecoders = new Map<string, Decoder>();

function modelDecoder(model: string): Decoder {
  const known = modelDecoders.get(model);
  if (known) return known;
  const attributes = attributesOf(model);
  const fields = new Map<string, Attribute>(attributes.map((attribute) => [attribute.baseName, attribute]));
  const struct = model.replace(/^(Core)?V\d+/, '');
  const decoder: Decoder = (value, path, outer, context) => {
    if (!isJsonObject(value)) throw wrongType(value, path, outer, `${context.apiVersion}.${struct}`, context);
    const result: Record<string, unknown> = {};
    for (const [name, given] of Object.entries(value)) {
      const field = fields.get(name);
      const fieldPath = path === '' ? name : `${path}.${name}`;
      if (!field) context.unknownFields.push(fieldPath);
      else if (given !== null && given !== undefined) {
        const decode = fieldDecoder(model, field);
        const decoded = decode(given, fieldPath, struct, context);
        if (decoded === undefined) continue;
        if (zeroLeftOut.has(name) && (decoded === 0 || decoded === false)) continue;
        result[name] = decoded;
      }
    }
    return result;
  };
  modelDecoders.set(model, decoder);
  return decoder;
}

function fieldDecoder(model: string, field: Attribute): Decoder {
  if (model === 'V1ResourceRequirements' && (field.baseName === 'limits' || field.baseName === 'requests')) {
    return decodeQuantities;
  }
  return decoderOf(field.type, field.format);
}

function attributesOf(model: string): Attribute[] {
  const found = (models as unknown as Record<string, { getAttributeTypeMap?: () => Attribute[] } | undefined>)[model];
  if (!found?.getAttributeTypeMap) throw new Error(`client-node has no model ${model}`);
  return found.getAttributeTypeMap();
}

function arrayDecoder(decodeItem: Decoder, goType: string): Decoder {
  return (value, path, struct, context) => {
    if (!Array.isArray(value)) throw wrongType(value, path, struct, goType, context);
    if (value.length === 0) return undefined;
    return value.map((item: unknown, index) => {
      if (item === null) return decodeItem === decodeString ? '' : {};
      return decodeItem(item, `${path}[${index}]`, struct, context) ?? '';
    });
  };
}

function mapDecoder(decodeEntry: Decoder): Decoder {
  return (value, path, struct, context) => {
    if (!isJsonObject(value)) throw wrongType(value, path, struct, 'map[string]string', context);
    const entries = Object.entries(value);
    if (entries.length === 0) return undefined;
    return Object.fromEntries(
      entries.map(([key, each]) => [key, each === null ? '' : (decodeEntry(each, path, struct, context) ?? '')]),
    );
  };
}

const decodeString: Decoder = (value, path, struct, context) => {
  if (typeof value !== 'string') throw wrongType(value, path, struct, 'string', context);
  return value === '' ? undefined : value;
};

const decodeBoolean: Decoder = (value, path, struct, context) => {
  if (typeof value !== 'boolean') throw wrongType(value, path, struct, 'bool', context);
  return value;
};

function numberDecoder(format: string): Decoder {
  const bound = format === 'int32' ? 2 ** 31 : format === 'int64' ? 2 ** 63 : Infinity;
  const goType = format === '' ? 'float64' : format;
  return (value, path, struct, context) => {
    if (typeof value !== 'number') throw wrongType(value, path, struct, goType, context);
    const whole = bound === Infinity || Number.isInteger(value);
    if (!whole || value >= bound || value < -bound) {
      throw wrongType(value, path, struct, goType, context, `number ${value}`);
    }
    return value;
  };
}

const decodeIntOrString: Decoder = (value, path, struct, context) => {
  if (typeof value === 'string') return value;
  return numberDecoder('int32')(value, path, struct, context);
};

const decodeTime: Decoder = (value, path, struct, context) => {
  if (typeof value !== 'string') throw wrongType(value, path, struct, 'string', context);
  if (value === '') return undefined;
  if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) && !Number.isNaN(Date.parse(value))) {
    return value;
  }
  throw cannotBeHandled(
    context,
    `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05Z07:00": cannot parse it`,
  );
};

/** Go's layout asks for exactly six fraction digits. */
const decodeMicroTime: Decoder = (value, path, struct, context) => {
  const time = decodeTime(value, path, struct, context);
  if (time === undefined || /\.\d{6}(Z|[+-])/.test(time as string)) return time;
  throw cannotBeHandled(
    context,
    `parsing time ${JSON.stringify(value)} as "2006-01-02T15:04:05.000000Z07:00": cannot parse it`,
  );
};

const decodeQuantities: Decoder = (value, path, struct, context) => {
  if (!isJsonObject(value)) throw wrongType(value, path, struct, 'map[v1.ResourceName]resource.Quantity', context);
  const entries = Object.entries(value);
  if (entries.length === 0) return undefined;
  return Object.fromEntries(
    entries.map(([name, given]) => {
      const quantity =
        typeof given === 'string' || typeof given === 'number' ? parseQuantity(String(given)) : undefined;
      if (quantity) return [name, quantity.canonical];
      const pattern = '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$';
      throw cannotBeHandled(context, `quantities must match the regular expression '${pattern}'`);
    }),
  );
};

function wrongType(
  value: unknown,
  path: string,
  struct: string,
  goType: string,
  context: Context,
  found: string = goTypeOf(value),
): Error {
  const field = path.replaceAll(/\[\d+\]/g, '');
  return cannotBeHandled(
    context,
    `json: cannot unmarshal ${found} into Go struct field ${struct}.${field} of type ${goType}`,
  );
}

function cannotBeHandled({ kind, apiVersion }: Context, why: string): Error {
  return badRequest(`${kind} in version "${apiVersion}" cannot be handled as a ${kind}: ${why}`);
}

function goTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'boolean') return 'bool';
  if (typeof value === 'number') return 'number';
  return typeof value;
}
