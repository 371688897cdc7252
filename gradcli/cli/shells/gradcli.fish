# Completion of gradcli for fish: the program itself says what the last word may become.
complete --command gradcli --no-files --arguments '(env _GRADCLI_COMPLETE=words GRADCLI_LINE=(commandline -cp | string collect) gradcli 2>/dev/null)'
