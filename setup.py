"Everything is configured in settings.ini; this only hands it to setuptools, and puts the shipped runs into what is built."
import json
from configparser import ConfigParser
from pathlib import Path
from setuptools import find_packages, setup
from setuptools.command import build_py

here = Path(__file__).resolve().parent
config = ConfigParser(delimiters=['='])
config.read(here/'settings.ini', encoding='utf-8')
cfg = config['DEFAULT']

def shipped():
    "The files under results/ that travel with the package: `shipped_runs` with the runs they are made of, and `shipped_files`."
    runs, files = cfg['shipped_runs'].split(), cfg['shipped_files'].split()
    for run in runs:  # grows: a run may be made of others, beside it or of another task
        path = here/'results'/run/'run.json'
        if not path.is_file(): raise SystemExit(f'{path}: not there, but settings.ini wants {run} in the package')
        others = json.loads(path.read_text(encoding='utf-8'))['model'].get('of', [])
        runs += [r for o in others if (r := o if '/' in o else f'{run.split("/")[0]}/{o}') not in runs]
        files += [f'{run}/{f}' for f in cfg['shipped_of_run'].split()]
    return [f for f in files if (here/'results'/f).is_file()]

def in_planes(raw:bytes)->bytes:
    """Weights (safetensors) with all float32 numbers as four planes of bytes, lowest first.

    Bytes of one significance are alike, so a wheel packs them smaller by a twelfth; no bit is lost, and
    `training.weights.read_tensors` puts them together again.
    """
    size = int.from_bytes(raw[:8], 'little')
    header, data = json.loads(raw[8:8 + size]), raw[8 + size:]
    metadata, shapes, others, numbers, out = header.pop('__metadata__', {}), {}, b'', b'', {}
    for name, tensor in header.items():
        part = data[slice(*tensor['data_offsets'])]
        if tensor['dtype'] == 'F32':
            shapes[name] = tensor['shape']
            numbers += part
        else:
            out[name] = tensor | dict(data_offsets=[len(others), len(others) + len(part)])
            others += part
    planes = 'float32 in planes'
    out[planes] = dict(dtype='U8', shape=[4, len(numbers)//4], data_offsets=[len(others), len(others) + len(numbers)])
    out['__metadata__'] = metadata | {planes: json.dumps(shapes)}
    text = json.dumps(out).encode()
    text += b' '*(-len(text) % 8)
    return len(text).to_bytes(8, 'little') + text + others + b''.join(numbers[i::4] for i in range(4))

class BuildPy(build_py.build_py):
    "The modules, and `ecg_nb/shipped/` beside them. The source tree stays as it is; an editable installation reads results/ itself."
    def _pairs(self):
        to = Path(self.build_lib)/cfg['lib_path']/'shipped'
        return [] if self.editable_mode else [(f'results/{f}', str(to/f)) for f in shipped()]
    def run(self):
        super().run()
        for source, to in self._pairs():
            self.mkpath(str(Path(to).parent))
            self.copy_file(source, to, preserve_mode=False)
            if Path(to).suffix == '.safetensors': Path(to).write_bytes(in_planes(Path(source).read_bytes()))
    def find_package_modules(self, package, package_dir):
        "Without nbdev's index of the notebooks, which only its documentation reads."
        return [m for m in super().find_package_modules(package, package_dir) if m[1] != '_modidx']
    def get_source_files(self): return [*super().get_source_files(), *(f'results/{f}' for f in shipped())]  # what the sdist needs
    def get_outputs(self, include_bytecode=True): return [*super().get_outputs(include_bytecode), *(to for _, to in self._pairs())]
    def get_output_mapping(self): return super().get_output_mapping() | {to: source for source, to in self._pairs()}

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
    long_description=(here/'README.md').read_text(encoding='utf-8') if (here/'README.md').exists() else cfg['description'],
    long_description_content_type='text/markdown', author=cfg['author'], author_email=cfg['author_email'], url=cfg['git_url'],
    license={'apache2': 'Apache-2.0'}[cfg['license']], license_files=['LICENSE'],
    classifiers=['Programming Language :: Python :: 3', f"Intended Audience :: {cfg['audience']}"],
    packages=find_packages(include=[cfg['lib_path'], f"{cfg['lib_path']}.*"], exclude=[f"{cfg['lib_path']}.dev*"]),
    package_data={cfg['lib_path']: ['py.typed']} | {f"{cfg['lib_path']}.{room}": ['static/*.js', 'static/*.css', 'static/*.npz'] for room in ('view', 'browsing', 'signals', 'inference')},
    include_package_data=True, zip_safe=False, python_requires=f">={cfg['min_python']}",
    install_requires=cfg['requirements'].split(), extras_require={k.removesuffix('_requirements'): v.split() for k, v in cfg.items() if k.endswith('_requirements')},
    entry_points={'console_scripts': cfg['console_scripts'].split()}, cmdclass=dict(build_py=BuildPy),
)
