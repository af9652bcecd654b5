using System.CommandLine;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using ClipTrain.Coordinator.Hosting;
using ClipTrain.Trainer.Runs;

namespace ClipTrain.Trainer.Cli;

/// <summary><c>cliptrain coordinator CONFIG|RUN [--listen ADDRESS:PORT] …</c></summary>
public static class CoordinatorCommand
{
    public static Command Create()
    {
        var run = new Argument<string>("CONFIG|RUN") { Description = "YAML file of the run, or the directory of a run to go on with." };
        var sets = TrainCommand.SetOption();
        var listen = new Option<string>("--listen") { Description = "Address and port for workers; beyond loopback a token is needed.", DefaultValueFactory = _ => "127.0.0.1:0" };
        var (token, tokenFile) = (WorkerCommand.TokenOption(), WorkerCommand.TokenFileOption());
        var certificate = new Option<string?>("--certificate") { Description = "PEM certificate: workers then connect by https." };
        var key = new Option<string?>("--key") { Description = "PEM private key of the certificate." };
        var command = new Command("coordinator", "Host a run whose workers come by themselves, from this and other machines.") { run, sets, listen, token, tokenFile, certificate, key };
        command.SetAction(parsed =>
        {
            var endpoint = IPEndPoint.TryParse(parsed.GetRequiredValue(listen), out var parsedEndpoint) ? parsedEndpoint
                : throw new UsageException($"--listen must be an address and a port, as in 0.0.0.0:7700, not '{parsed.GetValue(listen)}'.");
            var options = new CoordinatorHostOptions
            {
                Address = endpoint.Address,
                Port = endpoint.Port,
                Token = AccessToken.Find(parsed.GetValue(token), parsed.GetValue(tokenFile)),
                Certificate = Certificate(parsed.GetValue(certificate), parsed.GetValue(key)),
            };
            return RunSession.Open(parsed.GetRequiredValue(run), parsed.GetRequiredValue(sets)).ServeAsync(options, parsed.GetValue(tokenFile));
        });
        return command;
    }

    private static X509Certificate2? Certificate(string? certificate, string? key)
    {
        if (certificate is null && key is null)
            return null;
        if (certificate is null || key is null)
            throw new UsageException("--certificate and --key belong together: give both.");
        try
        {
            return X509Certificate2.CreateFromPemFile(certificate, key);
        }
        catch (Exception error) when (error is IOException or CryptographicException)
        {
            throw new UsageException($"The certificate {certificate} with key {key} cannot be used: {error.Message}");
        }
    }
}
