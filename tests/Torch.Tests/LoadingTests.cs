using ClipTrain.Torch.Loading;
using static TorchSharp.torch;

namespace ClipTrain.Torch.Tests;

public sealed class LoadingTests
{
    private static string Shipped => Path.Combine(AppContext.BaseDirectory, "native", "torch");

    [Fact]
    public void Libtorch_is_the_version_that_TorchSharp_fits_and_lies_beside_the_program()
    {
        Assert.StartsWith("2.10", __version__, StringComparison.Ordinal);
        Assert.Equal(Shipped, NativeTorch.Load().Folder);
    }

    [Fact]
    public void The_patched_library_asks_for_nothing_that_an_old_libstdcxx_lacks()
    {
        var original = File.ReadAllBytes(Path.Combine(Shipped, "libLibTorchSharp.so"));
        byte[] patched = [.. original];
        OldLibstdcxx.Patch(patched);

        Assert.True(original.AsSpan().IndexOf("_ZSt21ios_base_library_initv\0"u8) > 0);
        Assert.True(patched.AsSpan().IndexOf("_ZSt21ios_base_library_initv\0"u8) < 0);
        Assert.InRange(original.Zip(patched).Count(pair => pair.First != pair.Second), 3, 16);
    }

    [Fact]
    public void A_libstdcxx_that_lacks_more_than_the_one_symbol_is_refused_with_the_version_that_is_needed()
    {
        NativeTorch.Load();
        var image = File.ReadAllBytes(Path.Combine(Shipped, "libLibTorchSharp.so"));
        "GLIBCXX_9.9.99"u8.CopyTo(image.AsSpan(image.AsSpan().IndexOf("GLIBCXX_3.4.30\0"u8)));
        var path = Path.GetTempFileName();
        try
        {
            File.WriteAllBytes(path, image);
            var message = Assert.Throws<DllNotFoundException>(() => OldLibstdcxx.LoadCopy(path)).Message;
            Assert.Contains("must be GCC 12's or newer, as in Debian 12", message, StringComparison.Ordinal);
            Assert.Contains("version `GLIBCXX_9.9.99' not found", message, StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Fact]
    public void The_library_is_patched_if_and_only_if_the_installed_libstdcxx_lacks_the_symbol()
    {
        var isPatched = NativeTorch.Load().BindingPatched;
        var path = File.ReadLines("/proc/self/maps")
            .Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .First(path => Path.GetFileName(path).StartsWith("libstdc++", StringComparison.Ordinal));
        Assert.Equal(isPatched, File.ReadAllBytes(path).AsSpan().IndexOf("_ZSt21ios_base_library_initv\0"u8) < 0);
    }

    [Fact]
    public void A_wrong_libtorch_is_refused_with_the_way_out()
    {
        var folder = Directory.CreateTempSubdirectory("cliptrain-libtorch");
        try
        {
            Assert.Contains($"no libtorch_cpu.so in {folder.FullName}", Refusal(), StringComparison.Ordinal);

            var file = Path.Combine(folder.FullName, "libtorch_cpu.so");
            File.WriteAllText(file, "no library");
            Assert.Contains("could not be loaded", Refusal(), StringComparison.Ordinal);

            Assert.Contains(
                $"no libtorch_cpu.so in {file}",
                Assert.Throws<DllNotFoundException>(() => NativeTorch.OpenLibrary(file)).Message,
                StringComparison.Ordinal
            );

            // A library, but no libtorch of this version. Once it is loaded its file must stay as it is.
            File.Copy(Path.Combine(Shipped, "libc10.so"), file, overwrite: true);
            Assert.Contains("a version before 2.10", Refusal(), StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }

        string Refusal()
        {
            var message = Assert.Throws<DllNotFoundException>(() => NativeTorch.OpenLibrary(folder.FullName)).Message;
            Assert.Contains("LIBTORCH must name a folder of libtorch 2.10", message, StringComparison.Ordinal);
            return message;
        }
    }
}
