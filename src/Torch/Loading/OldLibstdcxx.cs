using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace ClipTrain.Torch.Loading;

/// <summary>
/// Loads TorchSharp's native library on systems with an older libstdc++, such as Debian 12. The library was linked with GCC 13 and
/// requires a symbol that older versions lack: a function without effect that marks streams as initialized, which libtorch does anyway.
/// If it is missing, a copy of the library is loaded from memory in which that version is required weakly and the symbol is replaced
/// with another function without arguments. No file is written. Layouts follow the ELF and symbol versioning specifications.
/// </summary>
internal static unsafe partial class OldLibstdcxx
{
    private const string Symbol = "_ZSt21ios_base_library_initv",
        Version = "GLIBCXX_3.4.32",
        StandIn = "getpid";

    private const uint DynamicSymbols = 11,
        VersionNeeds = 0x6ffffffe,
        SymbolVersions = 0x6fffffff;
    private const int SymbolSize = 24;
    private const byte WeakFlag = 2;
    private const ushort Unversioned = 1;

    /// <summary>True if the system's libstdc++ lacks the symbol.</summary>
    public static bool IsInstalled() =>
        NativeLibrary.TryLoad("libstdc++.so.6", out var library) && !NativeLibrary.TryGetExport(library, Symbol, out _);

    /// <exception cref="DllNotFoundException">The system's libstdc++ lacks more than the one symbol.</exception>
    public static nint LoadCopy(string path)
    {
        var image = File.ReadAllBytes(path);
        Patch(image);
        var descriptor = CreateMemoryFile("libLibTorchSharp.so", flags: 0);
        if (descriptor < 0)
        {
            throw new DllNotFoundException(
                $"{path} needs a newer libstdc++ than this system's, and no patched copy could be created: memfd_create failed."
            );
        }

        using var file = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(file, image, 0);
        try
        {
            return NativeLibrary.Load($"/proc/self/fd/{descriptor}");
        }
        catch (DllNotFoundException error)
        {
            var lines = error.Message.Split('\n');
            var cause = Array.Find(lines, line => line.Contains("not found", StringComparison.Ordinal)) ?? lines[0];
            throw new DllNotFoundException(
                $"{path} does not load with this system's libstdc++, which must be GCC 12's or newer, as in Debian 12. ({cause.Trim()})",
                error
            );
        }
    }

    /// <summary>Makes the required version weak and replaces the symbol.</summary>
    internal static void Patch(Span<byte> image)
    {
        var sections = new Sections(image);
        foreach (var needs in sections.OfType(VersionNeeds))
        {
            Weaken(image, (int)sections.Offset(needs), (int)sections.Offset(sections.Link(needs)));
        }

        foreach (var symbols in sections.OfType(DynamicSymbols))
        {
            var names = (int)sections.Offset(sections.Link(symbols));
            var versions = (int)sections.Offset(sections.OfType(SymbolVersions).First());
            for (var i = 0; i < sections.Size(symbols) / SymbolSize; i++)
            {
                var name = names + (int)ReadUInt32(image, (int)sections.Offset(symbols) + (i * SymbolSize));
                if (!HasText(image, name, Symbol))
                {
                    continue;
                }

                Encoding.ASCII.GetBytes(StandIn + "\0").CopyTo(image[name..]);
                BinaryPrimitives.WriteUInt16LittleEndian(image[(versions + (2 * i))..], Unversioned);
            }
        }
    }

    private static void Weaken(Span<byte> image, int need, int names)
    {
        for (var next = -1; next != 0; need += next)
        {
            next = (int)ReadUInt32(image, need + 12);
            var version = need + (int)ReadUInt32(image, need + 8);
            for (var step = -1; step != 0; version += step)
            {
                step = (int)ReadUInt32(image, version + 12);
                if (HasText(image, names + (int)ReadUInt32(image, version + 8), Version))
                {
                    image[version + 4] |= WeakFlag;
                }
            }
        }
    }

    private static uint ReadUInt32(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt32LittleEndian(image[at..]);

    private static bool HasText(ReadOnlySpan<byte> image, int at, string text) =>
        image[at..].StartsWith(Encoding.ASCII.GetBytes(text + "\0"));

    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int CreateMemoryFile(string name, uint flags);

    /// <summary>The section headers of a 64-bit ELF file.</summary>
    private sealed class Sections
    {
        private const int Type = 4,
            FileOffset = 24,
            ByteSize = 32,
            LinkedSection = 40;
        private readonly byte[] _headers;
        private readonly int _size;

        public Sections(ReadOnlySpan<byte> image)
        {
            _size = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3A..]);
            var count = BinaryPrimitives.ReadUInt16LittleEndian(image[0x3C..]);
            _headers = image.Slice((int)BinaryPrimitives.ReadInt64LittleEndian(image[0x28..]), _size * count).ToArray();
        }

        public IEnumerable<int> OfType(uint type) =>
            Enumerable.Range(0, _headers.Length / _size).Where(section => ReadUInt32(_headers, (section * _size) + Type) == type);

        public long Offset(int section) => BinaryPrimitives.ReadInt64LittleEndian(_headers.AsSpan((section * _size) + FileOffset));

        public long Size(int section) => BinaryPrimitives.ReadInt64LittleEndian(_headers.AsSpan((section * _size) + ByteSize));

        public int Link(int section) => (int)ReadUInt32(_headers, (section * _size) + LinkedSection);
    }
}
